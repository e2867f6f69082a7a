/* plugboard-check(1), printed out of the paragraphs of the checks. Owns nothing. The main thread.
 */
#ifndef SDK_CHECK_MANUAL_H
#define SDK_CHECK_MANUAL_H

void check_print_manual(void);

#endif
