// Convolution of images in NCHW order as matrix multiplication: the filters are A, and B's strips,
// whose columns are output pixels, are gathered from the image when they are packed. The image is
// never unfolded as a whole.
#pragma once

#include "gemm.h"

namespace linalgd::kernels {

// As generated code passes it: 64-bit words, in this order (compiler/codegen/call_kernels.cpp).
// Steps are in elements. The filter of an output channel is contiguous, and so is each output
// image.
struct ConvShape {
  int64_t images, groups;
  int64_t filters, channels; // of one group
  int64_t outHeight, outWidth, kernelHeight, kernelWidth;
  int64_t strideHeight, strideWidth, dilationHeight, dilationWidth;
  int64_t inImage, inGroup, inChannel, inRow, inColumn;
  int64_t filterGroup, filterFilter;
  int64_t outImage, outGroup, outFilter;
};

template <typename T, int VL, int MR> struct Conv {
  using G = Gemm<T, VL, MR>;
  static constexpr int kNr = G::kNr;
  using V = typename G::V;

  // Where the columns of a strip are in the input, from the place of the first filter tap.
  struct Pixels {
    int64_t offset[kNr];
    int64_t runs; // of neighbours in memory
    int64_t runStart[kNr + 1];
  };

  static void findPixels(const ConvShape &s, int64_t first, int64_t columns, Pixels &pixels) {
    int64_t row = first / s.outWidth, column = first % s.outWidth;
    pixels.runs = 0;
    for (int64_t j = 0; j < columns; ++j) {
      pixels.offset[j] = row * s.strideHeight * s.inRow + column * s.strideWidth * s.inColumn;
      if (j == 0 || pixels.offset[j] != pixels.offset[j - 1] + 1)
        pixels.runStart[pixels.runs++] = j;
      if (++column == s.outWidth) {
        column = 0;
        ++row;
      }
    }
    pixels.runStart[pixels.runs] = columns;
  }

  static void packTap(const T *from, const Pixels &pixels, int64_t columns, T *to) {
    if (pixels.runs == 1 && columns == kNr) {
      const T *start = from + pixels.offset[0];
      store(to, load<V>(start));
      store(to + VL, load<V>(start + VL));
    } else {
      for (int64_t j = 0; j < columns; ++j)
        to[j] = from[pixels.offset[j]];
    }
  }

  // Steps k0 … k0 + depth of the sum over (channel, row, column) of the filter.
  static void pack(const ConvShape &s, const T *image, int64_t k0, int64_t depth,
                   const Pixels &pixels, int64_t columns, T *packed) {
    int64_t taps = s.kernelHeight * s.kernelWidth;
    int64_t channel = k0 / taps, row = k0 % taps / s.kernelWidth, column = k0 % s.kernelWidth;
    for (int64_t k = 0; k < depth; ++k) {
      const T *from = image + channel * s.inChannel + row * s.dilationHeight * s.inRow +
                      column * s.dilationWidth * s.inColumn;
      packTap(from, pixels, columns, packed + k * kNr);
      if (++column < s.kernelWidth)
        continue;
      column = 0;
      if (++row < s.kernelHeight)
        continue;
      row = 0;
      ++channel;
    }
  }

  static void convolve(const ConvShape &s, const T *image, const T *filters, T *out) {
    alignas(64) T packed[G::kKc * kNr];
    int64_t n = s.outHeight * s.outWidth;
    int64_t k = s.channels * s.kernelHeight * s.kernelWidth;
    for (int64_t k0 = 0; k0 < k; k0 += G::kKc) {
      int64_t depth = smaller<int64_t>(G::kKc, k - k0);
      for (int64_t j = 0; j < n; j += kNr) {
        int64_t columns = smaller<int64_t>(kNr, n - j);
        Pixels pixels;
        findPixels(s, j, columns, pixels);
        pack(s, image, k0, depth, pixels, columns, packed);
        G::multiplyStrip(s.filters, depth, {filters + k0, s.filterFilter, 1}, {packed, kNr},
                         columns, {out + j, s.outFilter, 1});
      }
    }
  }

  // One input and one output channel: rows of the output collect scaled rows of the input.
  static void convolveOne(const ConvShape &s, const T *image, const T *filter, T *out) {
    for (int64_t y = 0; y < s.outHeight; ++y) {
      T *to = out + y * s.outWidth;
      for (int64_t row = 0; row < s.kernelHeight; ++row) {
        const T *line = image + (y * s.strideHeight + row * s.dilationHeight) * s.inRow;
        for (int64_t column = 0; column < s.kernelWidth; ++column)
          addScaled(s.outWidth, filter[row * s.kernelWidth + column],
                    line + column * s.dilationWidth * s.inColumn, s.strideWidth * s.inColumn, to);
      }
    }
  }

  static void addScaled(int64_t count, T factor, const T *from, int64_t step, T *to) {
    int64_t j = 0;
    if (step == 1)
      for (; j + VL <= count; j += VL)
        store(to + j, load<V>(to + j) + factor * load<V>(from + j));
    for (; j < count; ++j)
      to[j] += factor * from[j * step];
  }

  static void run(const T *in, const T *filters, T *out, const ConvShape &s) {
    bool single = s.channels == 1 && s.filters <= 2;
    for (int64_t image = 0; image < s.images; ++image)
      for (int64_t group = 0; group < s.groups; ++group) {
        const T *from = in + image * s.inImage + group * s.inGroup;
        const T *weights = filters + group * s.filterGroup;
        T *to = out + image * s.outImage + group * s.outGroup;
        if (!single) {
          convolve(s, from, weights, to);
          continue;
        }
        for (int64_t filter = 0; filter < s.filters; ++filter)
          convolveOne(s, from, weights + filter * s.filterFilter, to + filter * s.outFilter);
      }
  }
};

} // namespace linalgd::kernels
