LIB += $(wildcard base/*.c base/net/*.c)
