// The kernels against sums written as their definitions say, in every variant: vectors that the
// machine lacks are computed in parts.
#include "compiler/runtime/kernels/conv.h"
#include "compiler/runtime/kernels/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace linalgd::kernels {
namespace {

template <typename Type, int Lanes, int Rows> struct Variant {
  using T = Type;
  static constexpr int kLanes = Lanes;
  static constexpr int kRows = Rows;
};

template <typename V> class KernelTest : public ::testing::Test {
protected:
  using T = typename V::T;

  // Small integers: their sums are exact in any order.
  std::vector<T> integers(int64_t count) {
    std::uniform_int_distribution<int> distribution(-4, 4);
    std::vector<T> values(count);
    for (T &value : values)
      value = static_cast<T>(distribution(random_));
    return values;
  }

private:
  std::mt19937 random_{7};
};

using Variants =
    ::testing::Types<Variant<float, 4, 6>, Variant<float, 8, 6>, Variant<float, 16, 12>,
                     Variant<double, 2, 6>, Variant<double, 4, 6>, Variant<double, 8, 12>>;
TYPED_TEST_SUITE(KernelTest, Variants);

struct GemmSize {
  int64_t m, n, k;
};

// One row and column, vectors, tiles' edges on both sides, more than one block of K, and none.
constexpr GemmSize kGemmSizes[] = {{1, 1, 1},     {1, 37, 19}, {37, 1, 19}, {2, 64, 3},
                                   {3, 5, 70},    {4, 33, 65}, {6, 16, 8},  {7, 17, 9},
                                   {12, 32, 4},   {13, 31, 5}, {29, 70, 6}, {14, 3, 2100},
                                   {5, 48, 1100}, {0, 4, 4},   {4, 0, 4},   {4, 4, 0}};

template <typename T> Matrix<T> matrix(T *data, int64_t rows, int64_t columns, bool transposed) {
  return transposed ? Matrix<T>{data, 1, rows} : Matrix<T>{data, columns, 1};
}

TYPED_TEST(KernelTest, MultipliesMatricesOfEitherOrder) {
  using T = typename TypeParam::T;
  for (auto [m, n, k] : kGemmSizes)
    for (int orders = 0; orders < 8; ++orders) {
      std::vector<T> aData = this->integers(m * k), bData = this->integers(k * n);
      std::vector<T> cData = this->integers(m * n), wantData = cData;
      Matrix<const T> a = matrix<const T>(aData.data(), m, k, orders & 1);
      Matrix<const T> b = matrix<const T>(bData.data(), k, n, orders & 2);
      Matrix<T> c = matrix(cData.data(), m, n, orders & 4);
      Matrix<T> want = matrix(wantData.data(), m, n, orders & 4);
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j)
          for (int64_t l = 0; l < k; ++l)
            want.at(i, j) += a.at(i, l) * b.at(l, j);
      Gemm<T, TypeParam::kLanes, TypeParam::kRows>::run(m, n, k, a, b, c);
      EXPECT_EQ(cData, wantData) << m << "x" << n << "x" << k << ", orders " << orders;
    }
}

struct ConvSize {
  int64_t images, groups, filters, channels, height, width, kernelHeight, kernelWidth;
  int64_t strideHeight = 1, strideWidth = 1, dilationHeight = 1, dilationWidth = 1;
};

constexpr ConvSize kConvSizes[] = {
    {1, 1, 3, 2, 5, 6, 3, 3},               // less than a tile
    {2, 1, 13, 3, 12, 40, 3, 3},            // rows longer than a strip
    {1, 1, 8, 5, 17, 17, 5, 3, 2, 2},       // strides
    {1, 1, 7, 4, 15, 14, 3, 2, 1, 3, 2, 2}, // and dilations, uneven
    {2, 3, 4, 2, 9, 9, 3, 3},               // groups
    {2, 6, 1, 1, 11, 13, 3, 3},
    {1, 5, 2, 1, 11, 12, 3, 3, 2, 2}, // depthwise
    {1, 1, 6, 90, 6, 6, 5, 5},        // more than one block of K
    {3, 1, 12, 16, 8, 8, 1, 1},       // pointwise
    {2, 1, 5, 3, 1, 30, 1, 4},        // a row
};

ConvShape shapeOf(const ConvSize &s) {
  int64_t outHeight = (s.height - s.dilationHeight * (s.kernelHeight - 1) - 1) / s.strideHeight + 1;
  int64_t outWidth = (s.width - s.dilationWidth * (s.kernelWidth - 1) - 1) / s.strideWidth + 1;
  int64_t inChannel = s.height * s.width, filter = s.channels * s.kernelHeight * s.kernelWidth;
  int64_t outFilter = outHeight * outWidth;
  return {.images = s.images,
          .groups = s.groups,
          .filters = s.filters,
          .channels = s.channels,
          .outHeight = outHeight,
          .outWidth = outWidth,
          .kernelHeight = s.kernelHeight,
          .kernelWidth = s.kernelWidth,
          .strideHeight = s.strideHeight,
          .strideWidth = s.strideWidth,
          .dilationHeight = s.dilationHeight,
          .dilationWidth = s.dilationWidth,
          .inImage = s.groups * s.channels * inChannel,
          .inGroup = s.channels * inChannel,
          .inChannel = inChannel,
          .inRow = s.width,
          .inColumn = 1,
          .filterGroup = s.filters * filter,
          .filterFilter = filter,
          .outImage = s.groups * s.filters * outFilter,
          .outGroup = s.filters * outFilter,
          .outFilter = outFilter};
}

template <typename T>
T pixelOf(const ConvShape &s, const T *image, const T *filter, int64_t y, int64_t x) {
  T sum = 0;
  for (int64_t channel = 0; channel < s.channels; ++channel)
    for (int64_t row = 0; row < s.kernelHeight; ++row)
      for (int64_t column = 0; column < s.kernelWidth; ++column)
        sum +=
            *filter++ *
            image[channel * s.inChannel + (y * s.strideHeight + row * s.dilationHeight) * s.inRow +
                  (x * s.strideWidth + column * s.dilationWidth) * s.inColumn];
  return sum;
}

template <typename T>
void addConvolution(const ConvShape &s, const T *in, const T *filters, T *out) {
  for (int64_t image = 0; image < s.images; ++image)
    for (int64_t group = 0; group < s.groups; ++group)
      for (int64_t filter = 0; filter < s.filters; ++filter)
        for (int64_t pixel = 0; pixel < s.outFilter; ++pixel)
          out[image * s.outImage + group * s.outGroup + filter * s.outFilter + pixel] +=
              pixelOf(s, in + image * s.inImage + group * s.inGroup,
                      filters + group * s.filterGroup + filter * s.filterFilter, pixel / s.outWidth,
                      pixel % s.outWidth);
}

TYPED_TEST(KernelTest, ConvolvesImages) {
  using T = typename TypeParam::T;
  for (const ConvSize &size : kConvSizes) {
    ConvShape shape = shapeOf(size);
    std::vector<T> in = this->integers(shape.images * shape.inImage);
    std::vector<T> filters = this->integers(shape.groups * shape.filterGroup);
    std::vector<T> out = this->integers(shape.images * shape.outImage), want = out;
    addConvolution(shape, in.data(), filters.data(), want.data());
    Conv<T, TypeParam::kLanes, TypeParam::kRows>::run(in.data(), filters.data(), out.data(), shape);
    EXPECT_EQ(out, want) << "size " << &size - kConvSizes;
  }
}

} // namespace
} // namespace linalgd::kernels
