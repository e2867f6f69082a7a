/* The parser against a table of byte streams. Every row is fed whole, byte by byte and split in two
 * at every position, and must give the same frames and the same error each time. */
#include "stomp/stomp_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define V00 STOMP_NONE
#define V10 STOMP_1_0
#define V11 STOMP_1_1
#define V12 STOMP_1_2

#define W(literal) ("" literal), sizeof(literal) - 1

static struct stomp_scratch scratch;
static const struct stomp_limits usual = {.frame_bytes = 512, .n_headers = 6, .header_bytes = 64};

struct row {
  enum stomp_version version;
  const char *wire;
  size_t len;
  /* Frames as COMMAND[name=value]{body}, an error as !message, with <frame> or <headers> for the
   * limit and (receipt) when there is one. Heart-beats are left out: they depend on the chunks. */
  const char *expected;
};

static const struct row valid[] = {
    /* Every command, in its shortest form. */
    {V00, W("CONNECT\n\n\0"), "CONNECT{}"},
    {V00, W("STOMP\n\n\0"), "STOMP{}"},
    {V12, W("SEND\n\n\0"), "SEND{}"},
    {V12, W("SUBSCRIBE\n\n\0"), "SUBSCRIBE{}"},
    {V12, W("UNSUBSCRIBE\n\n\0"), "UNSUBSCRIBE{}"},
    {V12, W("ACK\n\n\0"), "ACK{}"},
    {V12, W("NACK\n\n\0"), "NACK{}"},
    {V12, W("BEGIN\n\n\0"), "BEGIN{}"},
    {V12, W("COMMIT\n\n\0"), "COMMIT{}"},
    {V12, W("ABORT\n\n\0"), "ABORT{}"},
    {V12, W("DISCONNECT\n\n\0"), "DISCONNECT{}"},
    {V12, W("CONNECTED\n\n\0"), "CONNECTED{}"},
    {V12, W("MESSAGE\n\n\0"), "MESSAGE{}"},
    {V12, W("RECEIPT\n\n\0"), "RECEIPT{}"},
    {V12, W("ERROR\n\n\0"), "ERROR{}"},

    /* Frames as clients send them. */
    {V00, W("CONNECT\naccept-version:1.1,1.2\nheart-beat:10000,10000\n\n\0"),
     "CONNECT[accept-version=1.1,1.2][heart-beat=10000,10000]{}"},
    {V00, W("STOMP\naccept-version:1.2\nhost:a\n\n\0\n"), "STOMP[accept-version=1.2][host=a]{}"},
    {V12, W("SUBSCRIBE\nid:sub-0\ndestination:/topic/a\n\n\0"),
     "SUBSCRIBE[id=sub-0][destination=/topic/a]{}"},
    {V12, W("SEND\ndestination:/a\n\nhello\0"), "SEND[destination=/a]{hello}"},
    {V11, W("SEND\ndestination:/a\n\nhello\0"), "SEND[destination=/a]{hello}"},
    {V10, W("SEND\ndestination:/a\n\nhello\0"), "SEND[destination=/a]{hello}"},
    {V12, W("SEND\ndestination:/a\ncontent-length:5\n\nhello\0"),
     "SEND[destination=/a][content-length=5]{hello}"},
    {V12, W("DISCONNECT\nreceipt:77\n\n\0"), "DISCONNECT[receipt=77]{}"},
    {V12, W("ERROR\nmessage:no\n\nwhy\0"), "ERROR[message=no]{why}"},
    {V12, W("MESSAGE\nsubscription:0\n\nm\0"), "MESSAGE[subscription=0]{m}"},

    /* Header lines are taken as they are. */
    {V12, W("SEND\ndestination:/a\n\ta: b \n\nx\0"), "SEND[destination=/a][\\x09a= b ]{x}"},
    {V12, W("SEND\nk:\n\n\0"), "SEND[k=]{}"},
    {V12, W("SEND\n :\n\n\0"), "SEND[ =]{}"},
    {V12, W("SEND\nk::\n\n\0"), "SEND[k=:]{}"},
    {V12, W("SEND\nk:a:b:c\n\n\0"), "SEND[k=a:b:c]{}"},
    {V12, W("SEND\nk:http://h:80/\n\n\0"), "SEND[k=http://h:80/]{}"},
    {V12, W("SEND\nDestination:/a\n\n\0"), "SEND[Destination=/a]{}"},
    {V12, W("SEND\nk:\x01\x1f\x7f\n\n\0"), "SEND[k=\\x01\\x1F\\x7F]{}"},
    {V12, W("SEND\nk:\x0b\x0c\x0e\n\n\0"), "SEND[k=\\x0B\\x0C\\x0E]{}"},
    {V12, W("SEND\ndestination:/a\ndestination:/b\n\n\0"),
     "SEND[destination=/a][destination=/b]{}"},
    {V12, W("SEND\na:1\nb:2\na:3\n\n\0"), "SEND[a=1][b=2][a=3]{}"},
    {V12, W("SEND\na:1\nb:2\nc:3\nd:4\ne:5\nf:6\n\n\0"), "SEND[a=1][b=2][c=3][d=4][e=5][f=6]{}"},
    {V12, W("SEND\nk:\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n\n\0"),
     "SEND[k=\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80]{}"},
    {V12, W("SEND\n\xc3\xa4:v\n\n\0"), "SEND[\xc3\xa4=v]{}"},
    /* Lines around the width of the vector scan. */
    {V12, W("SEND\nabcdefghijklmno:v\n\n\0"), "SEND[abcdefghijklmno=v]{}"},
    {V12, W("SEND\nabcdefghijklmnop:v\n\n\0"), "SEND[abcdefghijklmnop=v]{}"},
    {V12, W("SEND\nabcdefghijklmnopq:v\n\n\0"), "SEND[abcdefghijklmnopq=v]{}"},
    {V12, W("SEND\nk:23456789abcdef\n\nx\0"), "SEND[k=23456789abcdef]{x}"},
    {V12, W("SEND\nk:23456789abcde\n\nx:y\0"), "SEND[k=23456789abcde]{x:y}"},
    {V12, W("SEND\nk:23456789abcdef0:23456789abcdef0\n\nx\0"),
     "SEND[k=23456789abcdef0:23456789abcdef0]{x}"},

    /* Escapes. */
    {V12, W("SEND\nk:a\\cb\\nc\\rd\\\\e\n\n\0"), "SEND[k=a:b\\x0Ac\\x0Dd\\e]{}"},
    {V00, W("SEND\nk:a\\cb\\nc\\rd\\\\e\n\n\0"), "SEND[k=a:b\\x0Ac\\x0Dd\\e]{}"},
    {V11, W("SEND\nk:a\\cb\\nc\\\\e\n\n\0"), "SEND[k=a:b\\x0Ac\\e]{}"},
    {V10, W("SEND\nk:a\\cb\\nc\\rd\\\\e\\t\\\n\n\0"), "SEND[k=a\\cb\\nc\\rd\\\\e\\t\\]{}"},
    {V12, W("SEND\na\\cb:v\n\n\0"), "SEND[a:b=v]{}"},
    {V12, W("SEND\n\\n:\\n\n\n\0"), "SEND[\\x0A=\\x0A]{}"},
    {V12, W("SEND\nk:\\\\n\n\n\0"), "SEND[k=\\n]{}"},
    {V12, W("SEND\nk:\\\\\\\\\n\n\0"), "SEND[k=\\\\]{}"},
    {V12, W("SEND\nk:\\c\n\n\0"), "SEND[k=:]{}"},
    {V12, W("SEND\nk:\\cx\nplain:y\nl:x\\c\n\n\\c\0"), "SEND[k=:x][plain=y][l=x:]{\\c}"},
    {V12, W("SEND\nk:\xc3\xa4\\c\xc3\xb6\n\n\0"), "SEND[k=\xc3\xa4:\xc3\xb6]{}"},
    {V12, W("SEND\nk:a\\cb\r\n\r\n\0"), "SEND[k=a:b]{}"},
    {V12, W("CONNECT\nk:a\\cb\naccept-version:1.0\n\n\0"),
     "CONNECT[k=a\\cb][accept-version=1.0]{}"},
    {V00, W("CONNECT\npasscode:a\\tb\\\n\n\0"), "CONNECT[passcode=a\\tb\\]{}"},
    {V00, W("STOMP\npasscode:a\\nb\n\n\0"), "STOMP[passcode=a\\nb]{}"},
    {V12, W("CONNECTED\nk:a\\cb\n\n\0"), "CONNECTED[k=a\\cb]{}"},

    /* CR LF, in every version and mixed. */
    {V12, W("SEND\r\ndestination:/a\r\n\r\nx\0"), "SEND[destination=/a]{x}"},
    {V11, W("SEND\r\ndestination:/a\r\n\r\nx\0"), "SEND[destination=/a]{x}"},
    {V10, W("SEND\r\ndestination:/a\r\n\r\nx\0"), "SEND[destination=/a]{x}"},
    {V00, W("CONNECT\r\naccept-version:1.2\r\n\r\n\0\r\n"), "CONNECT[accept-version=1.2]{}"},
    {V12, W("SEND\ndestination:/a\r\nk:v\n\r\nx\0"), "SEND[destination=/a][k=v]{x}"},
    {V12, W("SEND\r\nk:v\n\nx\0"), "SEND[k=v]{x}"},
    {V12, W("UNSUBSCRIBE\r\n\r\n\0"), "UNSUBSCRIBE{}"},
    {V12, W("SEND\nk:\r\n\n\0"), "SEND[k=]{}"},
    {V12, W("SEND\nk:3456789abcdef0\r\nl:w\r\n\r\n\0"), "SEND[k=3456789abcdef0][l=w]{}"},
    {V12, W("SEND\nk:3456789abcdef\r\nl:w\r\n\r\n\0"), "SEND[k=3456789abcdef][l=w]{}"},
    {V12, W("SEND\ncontent-length:2\r\n\r\n\r\n\0"), "SEND[content-length=2]{\\x0D\\x0A}"},
    {V12, W("SEND\n\n\r\n\0"), "SEND{\\x0D\\x0A}"},
    {V12, W("SEND\n\n\r\0"), "SEND{\\x0D}"},

    /* Bodies. */
    {V12, W("SEND\n\na\nb\n\nc\0"), "SEND{a\\x0Ab\\x0A\\x0Ac}"},
    {V12, W("SEND\n\n\n\0"), "SEND{\\x0A}"},
    {V12, W("SEND\n\n\xff\xfe\x80\0"), "SEND{\xff\xfe\x80}"},
    {V12, W("SEND\ncontent-length:3\n\n\0\0\0\0"), "SEND[content-length=3]{\\x00\\x00\\x00}"},
    {V12, W("SEND\ncontent-length:5\n\na\0b\0c\0"), "SEND[content-length=5]{a\\x00b\\x00c}"},
    {V12, W("SEND\ncontent-length:0\n\n\0"), "SEND[content-length=0]{}"},
    {V12, W("SEND\ncontent-length:007\n\n1234567\0"), "SEND[content-length=007]{1234567}"},
    {V12, W("SUBSCRIBE\ncontent-length:0\n\n\0"), "SUBSCRIBE[content-length=0]{}"},
    {V12, W("SEND\ncontent-length:3\n\nabc\0"), "SEND[content-length=3]{abc}"},
    {V12, W("MESSAGE\ncontent-length:1\n\n\0\0"), "MESSAGE[content-length=1]{\\x00}"},
    {V12, W("ERROR\ncontent-length:1\n\n\0\0"), "ERROR[content-length=1]{\\x00}"},
    {V12, W("SEND\ncontent-length:20\n\nSEND\n\n\0SEND\n\n\0abcdef\0"),
     "SEND[content-length=20]{SEND\\x0A\\x0A\\x00SEND\\x0A\\x0A\\x00abcdef}"},

    /* A content-length that is none: the body ends at the first NUL. */
    {V12, W("SEND\ncontent-length:abc\n\nxy\0"), "SEND[content-length=abc]{xy}"},
    {V12, W("SEND\ncontent-length:-1\n\nxy\0"), "SEND[content-length=-1]{xy}"},
    {V12, W("SEND\ncontent-length:+1\n\nxy\0"), "SEND[content-length=+1]{xy}"},
    {V12, W("SEND\ncontent-length: 1\n\nxy\0"), "SEND[content-length= 1]{xy}"},
    {V12, W("SEND\ncontent-length:1 \n\nxy\0"), "SEND[content-length=1 ]{xy}"},
    {V12, W("SEND\ncontent-length:1.5\n\nxy\0"), "SEND[content-length=1.5]{xy}"},
    {V12, W("SEND\ncontent-length:0x1\n\nxy\0"), "SEND[content-length=0x1]{xy}"},
    {V12, W("SEND\ncontent-length:\n\nxy\0"), "SEND[content-length=]{xy}"},
    {V12, W("SEND\ncontent-length:-99999999999999999999\n\nxy\0"),
     "SEND[content-length=-99999999999999999999]{xy}"},
    {V12, W("SEND\nContent-Length:1\n\nxy\0"), "SEND[Content-Length=1]{xy}"},
    {V12, W("SEND\ncontent-length:abc\n\n\0"), "SEND[content-length=abc]{}"},
    /* Only the first one counts. */
    {V12, W("SEND\ncontent-length:2\ncontent-length:1\n\nxy\0"),
     "SEND[content-length=2][content-length=1]{xy}"},
    {V12, W("SEND\ncontent-length:no\ncontent-length:1\n\nxy\0"),
     "SEND[content-length=no][content-length=1]{xy}"},
    {V12, W("SEND\ncontent-length:1\ncontent-length:9999999\n\nx\0"),
     "SEND[content-length=1][content-length=9999999]{x}"},

    /* Between frames. */
    {V12, W(""), ""},
    {V12, W("\n"), ""},
    {V12, W("\n\n\n"), ""},
    {V12, W("\r\n"), ""},
    {V12, W("\r\n\r\n\n\r\n"), ""},
    {V12, W("\r"), ""},
    {V12, W("\0"), ""},
    {V12, W("\0\0\n\0\n\0"), ""},
    {V12, W("\nSEND\ndestination:/a\n\nx\0\n\n"), "SEND[destination=/a]{x}"},
    {V12, W("SEND\n\na\0SEND\n\nb\0"), "SEND{a} SEND{b}"},
    {V12, W("SEND\n\na\0\n\n\nSEND\n\nb\0\n"), "SEND{a} SEND{b}"},
    {V12, W("SEND\n\na\0\r\n\r\nSEND\n\nb\0\r\n"), "SEND{a} SEND{b}"},
    {V12, W("\0SEND\n\na\0\0\0SEND\n\nb\0"), "SEND{a} SEND{b}"},
    {V12, W("\0\nSEND\n\na\0\n\0\nACK\nid:1\n\n\0"), "SEND{a} ACK[id=1]{}"},
    {V12, W("SEND\ncontent-length:1\n\na\0SEND\ncontent-length:1\n\nb\0NACK\n\n\0"),
     "SEND[content-length=1]{a} SEND[content-length=1]{b} NACK{}"},
    {V12, W("SEND\nk:\\c\n\na\0SEND\nk:\\c\n\nb\0SEND\n\nthe third is not comp"),
     "SEND[k=:]{a} SEND[k=:]{b}"},
    {V12, W("BEGIN\ntransaction:t\n\n\0SEND\ntransaction:t\n\n1\0COMMIT\ntransaction:t\n\n\0"),
     "BEGIN[transaction=t]{} SEND[transaction=t]{1} COMMIT[transaction=t]{}"},

    /* Not complete: nothing is given. */
    {V12, W("S"), ""},
    {V12, W("SEND"), ""},
    {V12, W("SEND\r"), ""},
    {V12, W("SEND\n"), ""},
    {V12, W("SEND\nk"), ""},
    {V12, W("SEND\nk:v"), ""},
    {V12, W("SEND\nk:v\r"), ""},
    {V12, W("SEND\nk:v\n"), ""},
    {V12, W("SEND\nk:v\n\n"), ""},
    {V12, W("SEND\nk:v\n\nabc"), ""},
    {V12, W("SEND\nk:v\\"), ""},
    {V12, W("SEND\nk:\xc3"), ""},
    {V12, W("SEND\ncontent-length:3\n\n"), ""},
    {V12, W("SEND\ncontent-length:3\n\nab\0"), ""},
    {V12, W("SEND\ncontent-length:3\n\nabc"), ""},
    {V12, W("SUBSCRIBE\nid:1\n\n"), ""},
};

static const struct row broken[] = {
    /* Commands. */
    {V12, W("FOO\n\n\0"), "!unknown command 'FOO'"},
    {V12, W("SEND \n\n\0"), "!unknown command 'SEND '"},
    {V12, W(" SEND\n\n\0"), "!unknown command ' SEND'"},
    {V12, W("send\n\n\0"), "!unknown command 'send'"},
    {V12, W("SEN\n\n\0"), "!unknown command 'SEN'"},
    {V12, W("SENDS\n\n\0"), "!unknown command 'SENDS'"},
    {V12, W("destination:/a\n\n\0"), "!unknown command 'destination:...'"},
    {V12, W("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "!unknown command 'GET / HTTP/1...'"},
    {V12, W("UNSUBSCRIBES\n\n\0"), "!unknown command 'UNSUBSCRIBES...'"},
    {V12, W("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "!unknown command 'AAAAAAAAAAAA...'"},
    {V12, W("\x16\x03\x01\x02\n"), "!unknown command '\\x16\\x03\\x01\\x02'"},
    {V12, W("\xc3\xa4\xff\n"), "!unknown command '\xc3\xa4\\xFF'"},
    {V12, W("SEND\0"), "!unknown command 'SEND\\x00'"},
    {V12, W("FOO\0\n\n\0"), "!unknown command 'FOO\\x00'"},
    {V12, W("SEND\n\na\0FOO\n\n\0"), "SEND{a} !unknown command 'FOO'"},
    {V12, W("SEND\ncontent-length:1\n\na\0bc\0\n"),
     "SEND[content-length=1]{a} !unknown command 'bc\\x00'"},

    /* Lines. */
    {V12, W("SEND\nnocolon\n\nx\0"), "!header 'nocolon' has no ':'"},
    {V12, W("SEND\n:v\n\nx\0"), "!header ':v' has no name"},
    {V12, W("SEND\n:\n\nx\0"), "!header ':' has no name"},
    {V12, W("SEND\n \n\nx\0"), "!header ' ' has no ':'"},
    {V12, W("SEND\nno\tcolon\x1b[1m\r\n\nx\0"), "!header 'no\\x09colon\\x1B[1m' has no ':'"},
    {V12, W("SEND\nno\xc2\x85\xc2\xa0\n\nx\0"), "!header 'no\\xC2\\x85\xc2\xa0' has no ':'"},
    {V12, W("SEND\n012345678901234567890123456789012345678901234567890123456789\n"),
     "!header '012345678901234567890123456789012345678901234567890123456789' has no ':'"},
    {V12, W("SEND\n0123456789012345678901234567890123456789012345678901234567890\n"),
     "!header '012345678901234567890123456789012345678901234567890123456789...' has no ':'"},
    {V12, W("SEND\n01234567890123456789012345678901234567890123456789012345678\x01\n"),
     "!header '01234567890123456789012345678901234567890123456789012345678...' has no ':'"},
    {V12, W("SEND\nk:v\nreceipt:r1\nnocolon\n\n\0"), "!header 'nocolon' has no ':' (r1)"},
    {V12, W("SEND\r\nreceipt:r1\r\nnocolon\r\n\r\n\0"), "!header 'nocolon' has no ':' (r1)"},
    {V12, W("SEND\nreceipt:a\\cb\nreceipt:2\nnocolon\n"), "!header 'nocolon' has no ':' (a:b)"},
    {V10, W("SEND\nreceipt:a\\cb\nnocolon\n"), "!header 'nocolon' has no ':' (a\\cb)"},
    {V12, W("SEND\nnocolon\nreceipt:r1\n\n\0"), "!header 'nocolon' has no ':'"},
    {V12, W("SEND\nreceipt-x:r1\nnocolon\n"), "!header 'nocolon' has no ':'"},
    {V12, W("SEND\nreceipt:r1\n\na\0SEND\nnocolon\n"),
     "SEND[receipt=r1]{a} !header 'nocolon' has no ':'"},

    /* CR and NUL. */
    {V12, W("\rSEND\n\n\0"), "!CR between frames is not followed by LF"},
    {V12, W("\n\r\r\n"), "!CR between frames is not followed by LF"},
    {V12, W("\r\0"), "!CR between frames is not followed by LF"},
    {V12, W("SEND\n\na\0\rx"), "SEND{a} !CR between frames is not followed by LF"},
    {V12, W("SE\rND\n\n\0"), "!CR is not followed by LF after 'SE'"},
    {V12, W("SEND\r\r\n\n\0"), "!CR is not followed by LF after 'SEND'"},
    {V12, W("SEND\nk:a\rb\n\n\0"), "!CR is not followed by LF after 'k:a'"},
    {V11, W("SEND\nk:a\rb\n\n\0"), "!CR is not followed by LF after 'k:a'"},
    {V10, W("SEND\nk:a\rb\n\n\0"), "!CR is not followed by LF after 'k:a'"},
    {V12, W("SEND\nk:v\r\r\n\n\0"), "!CR is not followed by LF after 'k:v'"},
    {V12, W("SEND\nk:v\n\r\r\n\0"), "!CR is not followed by LF after ''"},
    {V12, W("SEND\nk:v\r\0\n"), "!CR is not followed by LF after 'k:v'"},
    {V12, W("SEND\nreceipt:7\nk:v\0w\n\n\0"), "!NUL in the headers after 'k:v' (7)"},
    {V12, W("SEND\ndestination:/a\0SEND\n"), "!NUL in the headers after 'destination:/a'"},
    {V12, W("SEND\ndestination:/a\n\0"), "!no empty line between the headers and the NUL"},
    {V12, W("SEND\n\0"), "!no empty line between the headers and the NUL"},
    {V12, W("SEND\nk\0:v\n\n\0"), "!NUL in the headers after 'k'"},

    /* UTF-8. */
    {V12, W("SEND\nk:\xff\n\n\0"), "!header 'k:\\xFF' is not valid UTF-8"},
    {V12, W("SEND\nk:\xc3\n\n\0"), "!header 'k:\\xC3' is not valid UTF-8"},
    {V12, W("SEND\n\x80:v\n\n\0"), "!header '\\x80:v' is not valid UTF-8"},
    {V12, W("SEND\nk:\xc0\xaf\n\n\0"), "!header 'k:\\xC0\\xAF' is not valid UTF-8"},
    {V12, W("SEND\nk:\xed\xa0\x80\n\n\0"), "!header 'k:\\xED\\xA0\\x80' is not valid UTF-8"},
    {V12, W("SEND\nk:\xf4\x90\x80\x80\n\n\0"),
     "!header 'k:\\xF4\\x90\\x80\\x80' is not valid UTF-8"},
    {V10, W("SEND\nk:\xff\n\n\0"), "!header 'k:\\xFF' is not valid UTF-8"},
    {V00, W("CONNECT\nk:\xff\n\n\0"), "!header 'k:\\xFF' is not valid UTF-8"},
    {V12, W("SEND\nreceipt:7\nk:\xff\r\n"), "!header 'k:\\xFF' is not valid UTF-8 (7)"},

    /* Escapes. */
    {V12, W("SEND\nk:a\\tb\n\n\0"), "!illegal escape '\\t' in header 'k'"},
    {V12, W("SEND\nk:a\\\n\n\0"), "!illegal escape '\\' in header 'k'"},
    {V12, W("SEND\nk:a\\\r\n\n\0"), "!illegal escape '\\' in header 'k'"},
    {V12, W("SEND\nk:\\\\\\\n\n\0"), "!illegal escape '\\' in header 'k'"},
    {V12, W("SEND\nk:\\N\n\n\0"), "!illegal escape '\\N' in header 'k'"},
    {V12, W("SEND\nk:\\:\n\n\0"), "!illegal escape '\\:' in header 'k'"},
    {V12, W("SEND\nk:\\\xc3\xa4x\n\n\0"), "!illegal escape '\\\xc3\xa4' in header 'k'"},
    {V12, W("SEND\nk:\\\x01\n\n\0"), "!illegal escape '\\\\x01' in header 'k'"},
    {V12, W("SEND\nk\\:v\n\n\0"), "!illegal escape '\\' in header 'k\\'"},
    {V12, W("SEND\nk\\x:v\n\n\0"), "!illegal escape '\\x' in header 'k\\x'"},
    {V11, W("SEND\nk:\\r\n\n\0"), "!illegal escape '\\r' in header 'k'"},
    {V11, W("SEND\nk:\\t\n\n\0"), "!illegal escape '\\t' in header 'k'"},
    {V00, W("SEND\nk:\\t\n\n\0"), "!illegal escape '\\t' in header 'k'"},
    {V12, W("SEND\nreceipt:\\c\nk:\\t\n"), "!illegal escape '\\t' in header 'k' (:)"},

    /* Bodies. */
    {V12, W("SEND\ncontent-length:3\n\nabcd\0"),
     "!no NUL after the 3 bytes that content-length promised"},
    {V12, W("SEND\nreceipt:r\ncontent-length:0\n\nx\0"),
     "!no NUL after the 0 bytes that content-length promised (r)"},
    {V12, W("SUBSCRIBE\ncontent-length:0\n\nx\0"),
     "!no NUL after the 0 bytes that content-length promised"},
    {V12, W("SUBSCRIBE\nid:1\n\nbody\0"), "!SUBSCRIBE frames have no body"},
    {V12, W("SUBSCRIBE\ncontent-length:4\n\nbody\0"), "!SUBSCRIBE frames have no body"},
    {V12, W("SUBSCRIBE\ncontent-length:no\n\nbody\0"), "!SUBSCRIBE frames have no body"},
    {V00, W("CONNECT\n\n\r\0"), "!CONNECT frames have no body"},
    {V00, W("CONNECT\n\n\r\r\n\0"), "!CONNECT frames have no body"},
    {V00, W("CONNECT\n\n\n \n\0"), "!CONNECT frames have no body"},
    {V12, W("ACK\ncontent-length:2\n\n\n\0\0"), "!ACK frames have no body"},
    {V12, W("ACK\ncontent-length:2\n\n\n\r\0"), "!ACK frames have no body"},
    {V12, W("ACK\ncontent-length:2\n\n\n\n\n\0"),
     "!no NUL after the 2 bytes that content-length promised"},
    /* Line ends alone are no body where there is none. */
    {V00, W("CONNECT\n\n\n\0"), "CONNECT{}"},
    {V12, W("SUBSCRIBE\nid:1\n\n\r\n\n\0\n"), "SUBSCRIBE[id=1]{}"},
    {V12, W("DISCONNECT\r\n\r\n\r\n\0"), "DISCONNECT{}"},
    {V12, W("ACK\ncontent-length:3\n\n\n\r\n\0ACK\n\n\0"), "ACK[content-length=3]{} ACK{}"},
    {V00, W("STOMP\n\nx\0"), "!STOMP frames have no body"},
    {V12, W("UNSUBSCRIBE\n\nx\0"), "!UNSUBSCRIBE frames have no body"},
    {V12, W("ACK\n\nx\0"), "!ACK frames have no body"},
    {V12, W("NACK\n\nx\0"), "!NACK frames have no body"},
    {V12, W("BEGIN\n\nx\0"), "!BEGIN frames have no body"},
    {V12, W("COMMIT\n\nx\0"), "!COMMIT frames have no body"},
    {V12, W("ABORT\n\nx\0"), "!ABORT frames have no body"},
    {V12, W("DISCONNECT\nreceipt:9\n\nx\0"), "!DISCONNECT frames have no body (9)"},
    {V12, W("CONNECTED\n\nx\0"), "!CONNECTED frames have no body"},
    {V12, W("RECEIPT\n\nx\0"), "!RECEIPT frames have no body"},

    /* Limits: 6 headers; 512 bytes by content-length alone and with what comes before it. */
    {V12, W("SEND\na:1\nb:2\nc:3\nd:4\ne:5\nreceipt:6\ng:7\n\n\0"),
     "!more than max-headers (6) headers <headers> (6)"},
    {V12, W("SEND\na:1\nb:2\nc:3\nd:4\ne:5\nf:6\nnocolon\n\n\0"),
     "!more than max-headers (6) headers <headers>"},
    {V12, W("SEND\nreceipt:1\ncontent-length:513\n"),
     "!frame is larger than max-frame-size (512 bytes) <frame> (1)"},
    {V12, W("SEND\ncontent-length:70000\n\nabc"),
     "!frame is larger than max-frame-size (512 bytes) <frame>"},
    {V12, W("SEND\ncontent-length:18446744073709551615\n\nabc\0"),
     "!frame is larger than max-frame-size (512 bytes) <frame>"},
    {V12, W("SEND\ncontent-length:18446744073709551616\n\nabc\0"),
     "!frame is larger than max-frame-size (512 bytes) <frame>"},
    {V12, W("SEND\ncontent-length:99999999999999999999999999999999\n\nabc\0"),
     "!frame is larger than max-frame-size (512 bytes) <frame>"},
};

/* Rendering what the parser gives */

static void put_text(struct buf *out, struct plug_str s)
{
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (c < 0x20 || c == 0x7f)
      buf_putf(out, "\\x%02X", c);
    else
      buf_put_char(out, (char)c);
  }
}

static void put_frame(struct buf *out, const struct stomp_frame *frame)
{
  buf_put_str(out, str_of(stomp_command_text(frame->command)));
  for (size_t i = 0; i < frame->n_headers; i++) {
    buf_put_char(out, '[');
    put_text(out, frame->headers[i].name);
    buf_put_char(out, '=');
    put_text(out, frame->headers[i].value);
    buf_put_char(out, ']');
  }
  buf_put_char(out, '{');
  put_text(out, frame->body);
  buf_put_char(out, '}');
}

static void put_error(struct buf *out, const struct stomp_parse_error *error)
{
  buf_putf(out, "!%s", error->message);
  if (error->limit == STOMP_LIMIT_FRAME)
    buf_putf(out, " <frame>");
  if (error->limit == STOMP_LIMIT_HEADERS)
    buf_putf(out, " <headers>");
  if (error->receipt.ptr) {
    buf_putf(out, " (");
    put_text(out, error->receipt);
    buf_putf(out, ")");
  }
}

/* Feeds one chunk from memory of exactly its size, so that a sanitizer sees every stray access, and
 * lets another parser use the scratch afterwards. False after an error. */
static bool feed(struct stomp_parser *p, const char *bytes, size_t len, struct buf *out)
{
  char *chunk = malloc(len ? len : 1);
  assert_non_null(chunk);
  memcpy(chunk, bytes, len);
  stomp_parser_feed(p, chunk, len);
  struct stomp_frame frame;
  struct stomp_parse_error error;
  enum stomp_event event;
  while ((event = stomp_parser_next(p, &frame, &error)) == STOMP_EVENT_FRAME ||
         event == STOMP_EVENT_HEARTBEAT) {
    if (event == STOMP_EVENT_HEARTBEAT)
      continue;
    if (out->len)
      buf_put_char(out, ' ');
    put_frame(out, &frame);
  }
  if (event == STOMP_EVENT_ERROR) {
    if (out->len)
      buf_put_char(out, ' ');
    put_error(out, &error);
  }
  assert_true(p->pending.cap <= p->limits->frame_bytes);
  assert_true(p->pending.len <= p->limits->frame_bytes);
  free(chunk);
  memset(scratch.headers, 0x5a, sizeof scratch.headers);
  return event == STOMP_EVENT_MORE;
}

static void check(const struct row *row, const struct stomp_limits *limits, const struct buf *got,
                  const char *how, size_t at)
{
  size_t n = strlen(row->expected);
  if (got->len == n && (n == 0 || memcmp(got->data, row->expected, n) == 0))
    return;
  struct buf wire = {0};
  put_text(&wire, str_from(row->wire, row->len < 200 ? row->len : 200));
  fail_msg("%.*s\n  fed %s %zu, version %s, max-frame-size %zu\n  expected %s\n  got      %.*s",
           (int)wire.len, wire.data, how, at, stomp_version_text(row->version), limits->frame_bytes,
           row->expected, (int)got->len, got->data ? got->data : "");
}

static void run(const struct row *row, const struct stomp_limits *limits, size_t split, bool bytes)
{
  struct buf got = {0};
  struct stomp_parser p;
  stomp_parser_init(&p, limits, &scratch);
  stomp_parser_set_version(&p, row->version);
  if (bytes) {
    for (size_t i = 0; i < row->len && feed(&p, row->wire + i, 1, &got); i++)
      ;
  } else if (feed(&p, row->wire, split, &got)) {
    feed(&p, row->wire + split, row->len - split, &got);
  }
  check(row, limits, &got, bytes ? "byte by byte" : "split at", bytes ? 0 : split);
  stomp_parser_fini(&p);
  buf_free(&got);
}

static void run_all_ways(const struct row *row, const struct stomp_limits *limits)
{
  for (size_t split = 0; split <= row->len; split++)
    run(row, limits, split, false);
  run(row, limits, 0, true);
}

static void valid_streams_give_their_frames_however_they_are_split(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
    run_all_ways(&valid[i], &usual);
}

static void broken_streams_give_one_error_however_they_are_split(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
    run_all_ways(&broken[i], &usual);
}

/* Limits, at the limit and one beyond */

static void run_at_limit(struct stomp_limits limits, const char *wire, size_t len,
                         const char *expected)
{
  const struct row row = {STOMP_1_2, wire, len, expected};
  run_all_ways(&row, &limits);
}

static void frame_limit_counts_every_byte_of_the_frame(void **state)
{
  (void)state;
  static const struct {
    const char *wire;
    size_t len;
    const char *expected;
  } frames[] = {
      {W("SEND\nreceipt:r\n\nhello\0"), "SEND[receipt=r]{hello}"},
      {W("SEND\nreceipt:r\ncontent-length:5\n\nhello\0"),
       "SEND[receipt=r][content-length=5]{hello}"},
      {W("SEND\nreceipt:r\ncontent-length:0\n\n\0"), "SEND[receipt=r][content-length=0]{}"},
      {W("SEND\r\nreceipt:r\r\n\r\nhello\0"), "SEND[receipt=r]{hello}"},
      {W("SUBSCRIBE\nreceipt:r\n\n\0"), "SUBSCRIBE[receipt=r]{}"},
  };
  for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
    struct stomp_limits limits = usual;
    limits.frame_bytes = frames[i].len;
    run_at_limit(limits, frames[i].wire, frames[i].len, frames[i].expected);
    limits.frame_bytes--;
    char error[100];
    snprintf(error, sizeof error, "!frame is larger than max-frame-size (%zu bytes) <frame> (r)",
             limits.frame_bytes);
    run_at_limit(limits, frames[i].wire, frames[i].len, error);
  }
}

static void frame_limit_does_not_count_what_is_between_frames(void **state)
{
  (void)state;
  struct stomp_limits limits = usual;
  limits.frame_bytes = 8;
  run_at_limit(limits, W("\n\n\n\n\nSEND\n\na\0\n\n\n\n\n\n\n\nSEND\n\nb\0\0\0\0"),
               "SEND{a} SEND{b}");
}

static void frame_limit_is_noticed_in_an_endless_frame(void **state)
{
  (void)state;
  struct stomp_limits limits = usual;
  limits.frame_bytes = 20;
  static const char error[] = "!frame is larger than max-frame-size (20 bytes) <frame>";
  run_at_limit(limits, W("SEND\n\n01234567890123456789"), error);
  run_at_limit(limits, W("SEND\n\n01234567890123"), error);
  run_at_limit(limits, W("SEND\n\n0123456789012"), "");
  run_at_limit(limits, W("SEND\nk:0123456789012345"), error);
  run_at_limit(limits, W("SEND\na:1\nb:2\nc:3\nd:4"), error);
}

static void frame_limit_is_noticed_at_the_content_length_header(void **state)
{
  (void)state;
  struct stomp_limits limits = usual;
  limits.frame_bytes = 41;
  run_at_limit(limits, W("SEND\ncontent-length:16\n\n0123456789abcdef\0"),
               "SEND[content-length=16]{0123456789abcdef}");
  static const char error[] = "!frame is larger than max-frame-size (41 bytes) <frame>";
  run_at_limit(limits, W("SEND\ncontent-length:19\n"), error);
  run_at_limit(limits, W("SEND\ncontent-length:17\n\n"), error);
  run_at_limit(limits, W("SEND\ncontent-length:17\n"), "");
}

static void header_count_limit(void **state)
{
  (void)state;
  for (size_t max = 0; max < 4; max++) {
    struct stomp_limits limits = usual;
    limits.n_headers = max;
    struct buf wire = {0}, expected = {0};
    buf_putf(&wire, "SEND\n");
    buf_putf(&expected, "SEND");
    for (size_t i = 0; i < max; i++) {
      buf_putf(&wire, "k:%zu\n", i);
      buf_putf(&expected, "[k=%zu]", i);
    }
    struct buf over = {0};
    buf_put(&over, wire.data, wire.len);
    buf_put(&wire, "\n", 2);
    buf_put(&expected, "{}", 3);
    run_at_limit(limits, wire.data, wire.len, expected.data);
    buf_putf(&over, "last:1\n");
    char error[80];
    snprintf(error, sizeof error, "!more than max-headers (%zu) headers <headers>", max);
    run_at_limit(limits, over.data, over.len, error);
    buf_free(&wire);
    buf_free(&over);
    buf_free(&expected);
  }
}

static void header_size_limit(void **state)
{
  (void)state;
  struct stomp_limits limits = usual;
  limits.header_bytes = 20;
  static const char error[] = "!header is longer than max-header-size (20 bytes) <headers> (7)";
  run_at_limit(limits, W("SEND\nk:345678901234567890\n\n\0"), "SEND[k=345678901234567890]{}");
  run_at_limit(limits, W("SEND\nk:345678901234567890\r\n\n\0"), "SEND[k=345678901234567890]{}");
  run_at_limit(limits, W("SEND\nk:34567890123456789\\c\n\n\0"),
               "!header is longer than max-header-size (20 bytes) <headers>");
  run_at_limit(limits, W("SEND\nk:3456789012345678\\c\n\n\0"), "SEND[k=3456789012345678:]{}");
  run_at_limit(limits, W("SEND\nreceipt:7\nk:3456789012345678901\n\n\0"), error);
  run_at_limit(limits, W("SEND\nreceipt:7\nk:3456789012345678901\r\n\n\0"), error);
  run_at_limit(limits, W("SEND\nreceipt:7\nk:3456789012345678901"), error);
  run_at_limit(limits, W("SEND\nreceipt:7\nneverendingneverendingneverendingneverending"), error);
  run_at_limit(limits, W("SEND\nreceipt:7\nk:345678901234567890\r\r"),
               "!CR is not followed by LF after 'k:345678901234567890' (7)");
  run_at_limit(limits, W("SEND\nreceipt:7\nk:34567890123456789\0too long and so on"),
               "!NUL in the headers after 'k:34567890123456789' (7)");
}

/* Heart-beats */

static size_t heartbeats(struct stomp_parser *p, const char *bytes, size_t len, size_t *frames)
{
  char chunk[64];
  assert_true(len <= sizeof chunk);
  memcpy(chunk, bytes, len);
  stomp_parser_feed(p, chunk, len);
  struct stomp_frame frame;
  struct stomp_parse_error error;
  size_t n = 0;
  for (;;) {
    switch (stomp_parser_next(p, &frame, &error)) {
    case STOMP_EVENT_MORE:
      return n;
    case STOMP_EVENT_HEARTBEAT:
      n++;
      break;
    case STOMP_EVENT_FRAME:
      ++*frames;
      break;
    case STOMP_EVENT_ERROR:
      fail_msg("%s", error.message);
    }
  }
}

static void a_chunk_of_eols_is_one_heartbeat(void **state)
{
  (void)state;
  struct stomp_parser p;
  size_t frames = 0;
  stomp_parser_init(&p, &usual, &scratch);
  assert_int_equal(heartbeats(&p, W("\n"), &frames), 1);
  assert_int_equal(heartbeats(&p, W("\n\n\n"), &frames), 1);
  assert_int_equal(heartbeats(&p, W("\r\n"), &frames), 1);
  assert_int_equal(heartbeats(&p, W("\0\n\0"), &frames), 1);
  assert_int_equal(heartbeats(&p, W("\0"), &frames), 0);
  assert_int_equal(heartbeats(&p, W(""), &frames), 0);
  assert_int_equal(heartbeats(&p, W("\r"), &frames), 0);
  assert_int_equal(heartbeats(&p, W("\n"), &frames), 1);
  assert_int_equal(frames, 0);
  stomp_parser_fini(&p);
}

static void eols_beside_a_frame_are_no_heartbeat(void **state)
{
  (void)state;
  struct stomp_parser p;
  size_t frames = 0;
  stomp_parser_init(&p, &usual, &scratch);
  assert_int_equal(heartbeats(&p, W("\nSEND\n\nx\0\n\n"), &frames), 0);
  assert_int_equal(heartbeats(&p, W("\n"), &frames), 1);
  assert_int_equal(heartbeats(&p, W("\nSEN"), &frames), 0);
  assert_int_equal(heartbeats(&p, W("D\n\nx"), &frames), 0);
  assert_int_equal(heartbeats(&p, W("\n"), &frames), 0); /* of the body */
  assert_int_equal(heartbeats(&p, W("\0\n"), &frames), 0);
  assert_int_equal(heartbeats(&p, W("\n"), &frames), 1);
  assert_int_equal(frames, 2);
  stomp_parser_fini(&p);
}

/* The parser as its callers see it */

static void an_error_is_final(void **state)
{
  (void)state;
  struct stomp_parser p;
  struct stomp_frame frame;
  struct stomp_parse_error error;
  char bad[] = "FOO\n\n", good[] = "SEND\n\n";
  stomp_parser_init(&p, &usual, &scratch);
  stomp_parser_feed(&p, bad, sizeof bad);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_ERROR);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_ERROR);
  stomp_parser_feed(&p, good, sizeof good);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_ERROR);
  assert_true(strlen(error.message) > 0);
  stomp_parser_fini(&p);
}

static void the_version_takes_effect_with_the_next_frame(void **state)
{
  (void)state;
  struct stomp_parser p;
  struct stomp_frame frame;
  struct stomp_parse_error error;
  char chunk[] = "CONNECT\nk:\\c\n\n\0SEND\nk:\\c\n\n\0SEND\nk:\\r\n\n\0SEND\nk:\\r\n\n";
  stomp_parser_init(&p, &usual, &scratch);
  stomp_parser_feed(&p, chunk, sizeof chunk);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_FRAME);
  stomp_parser_set_version(&p, STOMP_1_0);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_FRAME);
  assert_true(str_eq(frame.headers[0].value, STR("\\c")));
  stomp_parser_set_version(&p, STOMP_1_2);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_FRAME);
  assert_true(str_eq(frame.headers[0].value, STR("\r")));
  stomp_parser_set_version(&p, STOMP_1_1);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_ERROR);
  stomp_parser_fini(&p);
}

static void whole_frames_are_parsed_in_place(void **state)
{
  (void)state;
  struct stomp_parser p;
  struct stomp_frame frame;
  struct stomp_parse_error error;
  char chunk[] = "SEND\ndestination:/a\n\nbody";
  stomp_parser_init(&p, &usual, &scratch);
  stomp_parser_feed(&p, chunk, sizeof chunk);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_FRAME);
  assert_ptr_equal(frame.headers[0].name.ptr, chunk + 5);
  assert_ptr_equal(frame.headers[0].value.ptr, chunk + 17);
  assert_ptr_equal(frame.body.ptr, chunk + 21);
  assert_null(p.pending.data);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_MORE);
  stomp_parser_fini(&p);
}

static void a_frame_in_pieces_lives_until_the_next_call_and_no_longer(void **state)
{
  (void)state;
  struct stomp_parser p;
  struct stomp_frame frame;
  struct stomp_parse_error error;
  char first[] = {'S', 'E', 'N', 'D', '\n', 'k', ':', 'v', '\n', '\n', 'b', 'o'};
  char second[] = "dy\0\n";
  stomp_parser_init(&p, &usual, &scratch);
  stomp_parser_feed(&p, first, sizeof first);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_MORE);
  memset(first, 'X', sizeof first);
  stomp_parser_feed(&p, second, sizeof second);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_FRAME);
  memset(second, '\n', sizeof second);
  assert_true(str_eq(frame.body, STR("body")));
  assert_true(str_eq(*stomp_frame_header(&frame, STR("k")), STR("v")));
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_MORE);
  assert_null(p.pending.data);
  assert_int_equal(p.pending.cap, 0);
  stomp_parser_fini(&p);
}

static void an_announced_length_reserves_nothing(void **state)
{
  (void)state;
  const struct stomp_limits limits = {.frame_bytes = 16u << 20, .n_headers = 6, .header_bytes = 64};
  struct stomp_parser p;
  struct stomp_frame frame;
  struct stomp_parse_error error;
  char head[] = "SEND\ncontent-length:16000000\n\n";
  stomp_parser_init(&p, &limits, &scratch);
  stomp_parser_feed(&p, head, sizeof head - 1);
  assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_MORE);
  assert_true(p.pending.cap <= 4096);
  stomp_parser_fini(&p);
}

/* A quadratic parser would need hours for this and run into the time limit of the test. */
static void large_frames_arrive_byte_by_byte_in_linear_time(void **state)
{
  (void)state;
  enum { BODY = 4 << 20 };
  const struct stomp_limits limits = {
      .frame_bytes = BODY + 100, .n_headers = 6, .header_bytes = BODY};
  static const char *const heads[] = {"SEND\ncontent-length:4194304\n\n", "SEND\n\n", "SEND\nk:"};
  for (size_t h = 0; h < sizeof heads / sizeof *heads; h++) {
    struct stomp_parser p;
    struct stomp_frame frame;
    struct stomp_parse_error error;
    stomp_parser_init(&p, &limits, &scratch);
    char head[64];
    size_t n = strlen(heads[h]);
    memcpy(head, heads[h], n);
    stomp_parser_feed(&p, head, n);
    assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_MORE);
    size_t n_body = h == 2 ? BODY - 2 : BODY;
    for (size_t i = 0; i < n_body; i++) {
      char c = 'x';
      stomp_parser_feed(&p, &c, 1);
      if (stomp_parser_next(&p, &frame, &error) != STOMP_EVENT_MORE)
        fail_msg("byte %zu ended the frame", i);
      if (p.pending.cap > 2 * (i + 256))
        fail_msg("%zu bytes reserved for %zu", p.pending.cap, i);
    }
    char end[] = "\n\n";
    stomp_parser_feed(&p, h == 2 ? end : end + 2, h == 2 ? 3 : 1);
    assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_FRAME);
    assert_int_equal(h == 2 ? frame.headers[0].value.len : frame.body.len, n_body);
    assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_MORE);
    stomp_parser_fini(&p);
  }
}

static void a_chunk_may_end_one_frame_and_begin_another(void **state)
{
  (void)state;
  /* 1000 frames in chunks of every length from 1 to 40. */
  struct buf wire = {0};
  for (unsigned i = 0; i < 1000; i++) {
    buf_putf(&wire, "SEND\nn\\c:%u\n%s\n%u", i, i % 3 ? "" : "content-length:3\n", 100 + i % 900);
    buf_put_char(&wire, '\0');
  }
  for (size_t size = 1; size <= 40; size++) {
    struct stomp_parser p;
    struct stomp_frame frame;
    struct stomp_parse_error error;
    unsigned n = 0;
    stomp_parser_init(&p, &usual, &scratch);
    char chunk[40];
    for (size_t at = 0; at < wire.len; at += size) {
      size_t len = wire.len - at < size ? wire.len - at : size;
      memcpy(chunk, wire.data + at, len);
      stomp_parser_feed(&p, chunk, len);
      enum stomp_event event;
      while ((event = stomp_parser_next(&p, &frame, &error)) == STOMP_EVENT_FRAME) {
        char number[12];
        snprintf(number, sizeof number, "%u", n);
        assert_true(str_eq(*stomp_frame_header(&frame, STR("n:")), str_of(number)));
        snprintf(number, sizeof number, "%u", 100 + n % 900);
        assert_true(str_eq(frame.body, str_of(number)));
        n++;
      }
      assert_int_equal(event, STOMP_EVENT_MORE);
    }
    assert_int_equal(n, 1000);
    stomp_parser_fini(&p);
  }
  buf_free(&wire);
}

/* The name of the second header slides over the width of the vector scan, and with it what a line
 * may hold that is not plain. */
static void lines_may_end_at_any_offset(void **state)
{
  (void)state;
  static const struct stomp_limits wide = {.frame_bytes = 512, .n_headers = 6, .header_bytes = 256};
  static const char *const eols[] = {"\n", "\r\n"};
  static const struct {
    const char *wire, *shown;
  } values[] = {{"v", "v"},   {"a:b", "a:b"},  {"", ""},
                {"\\c", ":"}, {"\t", "\\x09"}, {"\xc3\xa4", "\xc3\xa4"}};
  for (size_t pad = 0; pad < 140; pad++)
    for (size_t e = 0; e < 2; e++)
      for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
        struct buf wire = {0}, expected = {0};
        buf_putf(&wire, "SEND%sp:%0*d%sk:%s%s%sbody", eols[e], (int)pad + 1, 0, eols[e],
                 values[v].wire, eols[e], eols[e]);
        buf_put(&wire, "", 1);
        buf_putf(&expected, "SEND[p=%0*d][k=%s]{body}", (int)pad + 1, 0, values[v].shown);
        buf_put(&expected, "", 1);
        const struct row row = {STOMP_1_2, wire.data, wire.len, expected.data};
        run(&row, &wide, wire.len, false);
        run(&row, &wide, wire.len / 2, false);
        buf_free(&wire);
        buf_free(&expected);
      }
}

/* Headers that carry credentials may be longer, in CONNECT and SEND, however they are split. */
static void credentials_have_a_limit_of_their_own(void **state)
{
  (void)state;
  static const struct plug_str names[] = {{"Authorization", 13}, {"X-Token", 7}};
  static const struct stomp_limits limits = {.frame_bytes = 512,
                                             .n_headers = 6,
                                             .header_bytes = 64,
                                             .credential_bytes = 100,
                                             .credentials = names,
                                             .n_credentials = 2};
  static const struct {
    enum stomp_version version;
    const char *command, *name;
    size_t max; /* bytes of the line */
  } cases[] = {{V00, "CONNECT", "Authorization", 100}, {V00, "STOMP", "authorization", 100},
               {V12, "SEND", "x-token", 100},          {V12, "SUBSCRIBE", "Authorization", 64},
               {V00, "CONNECT", "Authorizatio", 64},   {V12, "SEND", "Authorization2", 64}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (size_t over = 0; over < 2; over++) {
      struct buf wire = {0}, expected = {0};
      size_t max = cases[i].max, filler = max + over - strlen(cases[i].name) - 1;
      buf_putf(&wire, "%s\n%s:%0*d\n\n", cases[i].command, cases[i].name, (int)filler, 0);
      buf_put(&wire, "", 1);
      if (over)
        buf_putf(&expected, "!header is longer than %s (%zu bytes) <headers>",
                 max == 100 ? "max-token-size" : "max-header-size", max);
      else
        buf_putf(&expected, "%s[%s=%0*d]{}", cases[i].command, cases[i].name, (int)filler, 0);
      buf_put(&expected, "", 1);
      const struct row row = {cases[i].version, wire.data, wire.len, expected.data};
      for (size_t chunk = 1; chunk <= wire.len; chunk++)
        run(&row, &limits, chunk, false);
      buf_free(&wire);
      buf_free(&expected);
    }
}

static void a_bad_byte_is_found_at_any_offset(void **state)
{
  (void)state;
  static const struct stomp_limits wide = {.frame_bytes = 512, .n_headers = 6, .header_bytes = 256};
  for (size_t pad = 0; pad < 140; pad++) {
    struct buf wire = {0};
    buf_putf(&wire, "SEND\np:%0*d\rq:x\n\n", (int)pad + 1, 0);
    buf_put(&wire, "", 1);
    struct stomp_parser p;
    struct stomp_frame frame;
    struct stomp_parse_error error;
    stomp_parser_init(&p, &wide, &scratch);
    stomp_parser_feed(&p, wire.data, wire.len);
    assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_ERROR);
    assert_non_null(strstr(error.message, "CR is not followed by LF after 'p:0"));
    stomp_parser_fini(&p);
    buf_free(&wire);
  }
}

static void the_first_of_repeated_headers_is_found(void **state)
{
  (void)state;
  struct stomp_header headers[] = {
      {STR("a"), STR("1")}, {STR("b"), STR("2")}, {STR("a"), STR("3")}};
  struct stomp_frame frame = {.headers = headers, .n_headers = 3};
  assert_ptr_equal(stomp_frame_header(&frame, STR("a")), &headers[0].value);
  assert_ptr_equal(stomp_frame_header(&frame, STR("b")), &headers[1].value);
  assert_null(stomp_frame_header(&frame, STR("A")));
  assert_null(stomp_frame_header(&frame, STR("")));
}

/* Wherever the frame is when it happens: it is over the limit then, or complete. */
static void a_limit_may_shrink_amid_a_frame(void **state)
{
  (void)state;
  static const char wire[] = "SEND\ndestination:/a\ncontent-length:60\n\n"
                             "012345678901234567890123456789012345678901234567890123456789";
  for (size_t at = 1; at < sizeof wire; at++)
    for (size_t smaller = 20; smaller < sizeof wire; smaller += 7) {
      struct stomp_limits limits = usual;
      struct stomp_parser p;
      struct stomp_frame frame;
      struct stomp_parse_error error;
      enum stomp_event event = STOMP_EVENT_MORE;
      char bytes[sizeof wire];
      memcpy(bytes, wire, sizeof wire);
      stomp_parser_init(&p, &limits, &scratch);
      stomp_parser_set_version(&p, V12);
      stomp_parser_feed(&p, bytes, at);
      assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_MORE);
      limits.frame_bytes = smaller;
      for (size_t i = at; i < sizeof wire && event == STOMP_EVENT_MORE; i++) {
        stomp_parser_feed(&p, bytes + i, 1);
        event = stomp_parser_next(&p, &frame, &error);
      }
      assert_int_equal(event, STOMP_EVENT_ERROR);
      assert_int_equal(error.limit, STOMP_LIMIT_FRAME);
      stomp_parser_fini(&p);
    }
}

static void server_commands_are_told_apart(void **state)
{
  (void)state;
  assert_false(stomp_command_is_server(STOMP_CONNECT));
  assert_false(stomp_command_is_server(STOMP_SEND));
  assert_false(stomp_command_is_server(STOMP_DISCONNECT));
  assert_true(stomp_command_is_server(STOMP_CONNECTED));
  assert_true(stomp_command_is_server(STOMP_MESSAGE));
  assert_true(stomp_command_is_server(STOMP_RECEIPT));
  assert_true(stomp_command_is_server(STOMP_ERROR));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(valid_streams_give_their_frames_however_they_are_split),
      cmocka_unit_test(broken_streams_give_one_error_however_they_are_split),
      cmocka_unit_test(frame_limit_counts_every_byte_of_the_frame),
      cmocka_unit_test(frame_limit_does_not_count_what_is_between_frames),
      cmocka_unit_test(frame_limit_is_noticed_in_an_endless_frame),
      cmocka_unit_test(frame_limit_is_noticed_at_the_content_length_header),
      cmocka_unit_test(header_count_limit),
      cmocka_unit_test(header_size_limit),
      cmocka_unit_test(a_chunk_of_eols_is_one_heartbeat),
      cmocka_unit_test(eols_beside_a_frame_are_no_heartbeat),
      cmocka_unit_test(an_error_is_final),
      cmocka_unit_test(the_version_takes_effect_with_the_next_frame),
      cmocka_unit_test(whole_frames_are_parsed_in_place),
      cmocka_unit_test(a_frame_in_pieces_lives_until_the_next_call_and_no_longer),
      cmocka_unit_test(an_announced_length_reserves_nothing),
      cmocka_unit_test(large_frames_arrive_byte_by_byte_in_linear_time),
      cmocka_unit_test(a_chunk_may_end_one_frame_and_begin_another),
      cmocka_unit_test(lines_may_end_at_any_offset),
      cmocka_unit_test(credentials_have_a_limit_of_their_own),
      cmocka_unit_test(a_bad_byte_is_found_at_any_offset),
      cmocka_unit_test(the_first_of_repeated_headers_is_found),
      cmocka_unit_test(a_limit_may_shrink_amid_a_frame),
      cmocka_unit_test(server_commands_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
