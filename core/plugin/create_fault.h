/* What is wrong with the configuration of an instance that its options do not show: what create
 * itself has found, and sections that nobody reads. Gives the text that operators see. Owns
 * nothing. The thread on which create runs. */
#ifndef PLUGIN_CREATE_FAULT_H
#define PLUGIN_CREATE_FAULT_H

#include <plugboard/abi.h>

struct config_section;
struct plugin_instance;

/* create has failed with status: fills err with the plugin's own words (said), and the place of its
 * section (NULL: it has none), or of the one that it has blamed, before them. */
void create_fault_report(const struct plugin_instance *instance,
                         const struct config_section *section, plug_status status,
                         struct plug_err *said, struct plug_err *err);
/* "[INSTANCE NAME]" is there for plugins that know what to do with it: a failure where one is
 * written and create has not asked for such sections. */
plug_status create_fault_unread(const struct plugin_instance *instance, struct plug_err *err);

#endif
