LIB += $(wildcard base/*.c)
