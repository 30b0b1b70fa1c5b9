// What is compiled at build time and goes into executables, as bytes.
#pragma once

#include <string_view>

namespace linalgd {

std::string_view embeddedRuntime(); // a relocatable object for baseline x86-64
std::string_view embeddedKernels(); // LLVM bitcode, for the target's features to be set on
// Shared libraries with the names and symbols of the C library, and no code: to link against.
std::string_view embeddedLibc();
std::string_view embeddedLibm();

} // namespace linalgd
