LIB += $(filter-out bootstage/intel/main_%.c bootstage/intel/cmd_%.c,$(wildcard bootstage/intel/*.c))
