// The C library's functions that executables may call: the link fails for any other. Compiled into
// a library without code, of which only the names matter.
#define SYMBOL(name)                                                                               \
  void name(void);                                                                                 \
  void name(void) {}

SYMBOL(_setjmp)
SYMBOL(abort)
SYMBOL(aligned_alloc)
SYMBOL(bcmp)
SYMBOL(calloc)
SYMBOL(free)
SYMBOL(longjmp)
SYMBOL(malloc)
SYMBOL(memcmp)
SYMBOL(memcpy)
SYMBOL(memmove)
SYMBOL(memset)
SYMBOL(snprintf)
SYMBOL(strcmp)
SYMBOL(strlen)
SYMBOL(vsnprintf)
SYMBOL(__tls_get_addr)
