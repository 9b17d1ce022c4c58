/*
 * cmd - the verbs of `tandem-stage`, one function each. They parse their options, print, and return an exit code.
 */
#ifndef BOOTSTAGE_CMD_H
#define BOOTSTAGE_CMD_H

/* Options of every verb that looks at stages. */
#define PLACES_OPTS(p)                                                                                                 \
	{ .name = "stages", .arg = "DIR", .help = "the only folder with stage files", .value = &(p).stages },          \
	{                                                                                                              \
		.name = "root", .arg = "DIR", .help = "below DIR instead of /", .value = &(p).root                     \
	}
/* And of those that look at results. */
#define STATE_OPT(p)                                                                                                   \
	{                                                                                                              \
		.name = "state", .arg = "DIR", .help = "instead of " HANDOVER_FOLDER, .value = &(p).state              \
	}

int cmd_list(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_wait(int argc, char **argv);

#endif
