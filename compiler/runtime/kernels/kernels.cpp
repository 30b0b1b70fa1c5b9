// The kernels that generated code calls. A variant's vectors and tiles fill the registers of its
// instruction set: 16 of 128 bits (sse), 16 of 256 (avx), 32 of 512 (avx512).
#include "conv.h"
#include "gemm.h"

using namespace linalgd::kernels;

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type
#define GEMM(name, T, VL, MR)                                                                      \
  KERNEL void name(int64_t m, int64_t n, int64_t k, const T *a, int64_t aRow, int64_t aColumn,     \
                   const T *b, int64_t bRow, int64_t bColumn, T *c, int64_t cRow,                  \
                   int64_t cColumn) {                                                              \
    Gemm<T, VL, MR>::run(m, n, k, {a, aRow, aColumn}, {b, bRow, bColumn}, {c, cRow, cColumn});     \
  }

#define CONV(name, T, VL, MR)                                                                      \
  KERNEL void name(const T *in, const T *filters, T *out, const ConvShape *shape) {                \
    Conv<T, VL, MR>::run(in, filters, out, *shape);                                                \
  }
// NOLINTEND(bugprone-macro-parentheses)

GEMM(linalgd_gemm_f32_sse, float, 4, 6)
GEMM(linalgd_gemm_f32_avx, float, 8, 6)
GEMM(linalgd_gemm_f32_avx512, float, 16, 12)
GEMM(linalgd_gemm_f64_sse, double, 2, 6)
GEMM(linalgd_gemm_f64_avx, double, 4, 6)
GEMM(linalgd_gemm_f64_avx512, double, 8, 12)
CONV(linalgd_conv_f32_sse, float, 4, 6)
CONV(linalgd_conv_f32_avx, float, 8, 6)
CONV(linalgd_conv_f32_avx512, float, 16, 12)
CONV(linalgd_conv_f64_sse, double, 2, 6)
CONV(linalgd_conv_f64_avx, double, 4, 6)
CONV(linalgd_conv_f64_avx512, double, 8, 12)
