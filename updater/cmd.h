/*
 * cmd - the verbs of `tandem`, one function each. They parse their options, print, and return an exit code.
 */
#ifndef UPDATER_CMD_H
#define UPDATER_CMD_H

int cmd_key_generate(int argc, char **argv);
int cmd_key_show(int argc, char **argv);
int cmd_bundle_create(int argc, char **argv);
int cmd_bundle_prepare(int argc, char **argv);
int cmd_bundle_attach(int argc, char **argv);
int cmd_bundle_delta(int argc, char **argv);
int cmd_bundle_info(int argc, char **argv);
int cmd_bundle_verify(int argc, char **argv);
int cmd_bundle_extract(int argc, char **argv);
int cmd_trust_show(int argc, char **argv);
int cmd_trust_init(int argc, char **argv);
int cmd_trust_sign(int argc, char **argv);
int cmd_trust_update(int argc, char **argv);
int cmd_install(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_slots(int argc, char **argv);
int cmd_commit(int argc, char **argv);
int cmd_rollback(int argc, char **argv);
int cmd_verify_slot(int argc, char **argv);
int cmd_tree_status(int argc, char **argv);
int cmd_tree_rollback(int argc, char **argv);
int cmd_tree_settle(int argc, char **argv);
int cmd_tree_prune(int argc, char **argv);
int cmd_setup(int argc, char **argv);

#endif
