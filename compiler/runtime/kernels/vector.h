// Vectors of the kernels. The compiler that builds the kernels only checks them: their bitcode is
// optimised and compiled for the target of each executable.
#pragma once

#include <stdint.h>

// A kernel that generated code calls, in a variant for each instruction set.
#define KERNEL extern "C" __attribute__((noinline))

namespace linalgd::kernels {

template <typename T, int N> struct VectorOf {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
};

template <typename T, int N> using Vector = typename VectorOf<T, N>::type;

// Loads and stores of data that is aligned to its elements only.
template <typename V, typename T> [[gnu::always_inline]] inline V load(const T *from) {
  V value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

template <typename V, typename T> [[gnu::always_inline]] inline void store(T *to, V value) {
  __builtin_memcpy(to, &value, sizeof value);
}

template <typename T> inline T smaller(T a, T b) { return a < b ? a : b; }

} // namespace linalgd::kernels
