#include "compiler/runtime/embedded.h"

#include <cstdint>

#define EMBED(name, file)                                                                          \
  __asm__(".section .rodata\n.balign 16\n.hidden " #name "\n.globl " #name "\n" #name              \
          ":\n.incbin \"" file "\"\n" #name "_end:\n.byte 0\n.balign 8\n.hidden " #name            \
          "_size\n.globl " #name "_size\n" #name "_size:\n.quad " #name "_end - " #name            \
          "\n.previous\n");                                                                        \
  extern "C" const char(name)[];                                                                   \
  extern "C" const uint64_t name##_size;

EMBED(linalgd_embedded_runtime, "linalgd-runtime.o")
EMBED(linalgd_embedded_kernels, "linalgd-kernels.bc")
EMBED(linalgd_embedded_libc, "linalgd-libc.so")
EMBED(linalgd_embedded_libm, "linalgd-libm.so")

#define VIEW(name) {(name), name##_size}

namespace linalgd {

std::string_view embeddedRuntime() { return VIEW(linalgd_embedded_runtime); }
std::string_view embeddedKernels() { return VIEW(linalgd_embedded_kernels); }
std::string_view embeddedLibc() { return VIEW(linalgd_embedded_libc); }
std::string_view embeddedLibm() { return VIEW(linalgd_embedded_libm); }

} // namespace linalgd
