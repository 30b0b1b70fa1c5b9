// Matrix multiplication: C += A · B, in tiles of MR rows and two vectors of columns whose sums stay
// in registers. B is taken a strip of columns and a block of K at a time, copied ("packed") where
// that pays; A is read in place.
#pragma once

#include "vector.h"

namespace linalgd::kernels {

template <typename T> struct Matrix {
  T *data;
  int64_t rowStep, columnStep; // in elements

  T &at(int64_t row, int64_t column) const { return data[row * rowStep + column * columnStep]; }
  Matrix from(int64_t row, int64_t column) const { return {&at(row, column), rowStep, columnStep}; }
  Matrix transposed() const { return {data, columnStep, rowStep}; }
};

template <typename T, int VL, int MR> struct Gemm {
  static constexpr int kNr = 2 * VL;
  // A packed strip fits in half of a first-level cache.
  static constexpr int kKc = 16384 / (kNr * static_cast<int>(sizeof(T)));
  using V = Vector<T, VL>;

  struct Strip {
    const T *data;
    int64_t rowStep;
  };

  // The sums of a full tile over `depth` steps. Rows beyond `rows` repeat the last one.
  [[gnu::always_inline]] static inline void multiply(int64_t depth, Matrix<const T> a, int64_t rows,
                                                     Strip b, V (&sums)[MR][2]) {
    const T *row[MR];
#pragma unroll
    for (int i = 0; i < MR; ++i) {
      row[i] = &a.at(smaller<int64_t>(i, rows - 1), 0);
      sums[i][0] = sums[i][1] = V{};
    }
    const T *bRow = b.data;
    for (int64_t k = 0; k < depth; ++k) {
      V left = load<V>(bRow), right = load<V>(bRow + VL);
      bRow += b.rowStep;
#pragma unroll
      for (int i = 0; i < MR; ++i) {
        T factor = row[i][k * a.columnStep];
        sums[i][0] += factor * left;
        sums[i][1] += factor * right;
      }
    }
  }

  static void tile(int64_t depth, Matrix<const T> a, int64_t rows, Strip b, int64_t columns,
                   Matrix<T> c) {
    V sums[MR][2];
    if (rows == MR && columns == kNr && c.columnStep == 1) {
      multiply(depth, a, MR, b, sums);
#pragma unroll
      for (int i = 0; i < MR; ++i) {
        T *to = c.data + i * c.rowStep;
        store(to, load<V>(to) + sums[i][0]);
        store(to + VL, load<V>(to + VL) + sums[i][1]);
      }
      return;
    }
    multiply(depth, a, rows, b, sums);
    T edge[MR][kNr];
#pragma unroll
    for (int i = 0; i < MR; ++i) {
      store(edge[i], sums[i][0]);
      store(edge[i] + VL, sums[i][1]);
    }
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        c.at(i, j) += edge[i][j];
  }

  // All tiles of one strip.
  static void multiplyStrip(int64_t m, int64_t depth, Matrix<const T> a, Strip b, int64_t columns,
                            Matrix<T> c) {
    for (int64_t i = 0; i < m; i += MR)
      tile(depth, a.from(i, 0), smaller<int64_t>(MR, m - i), b, columns, c.from(i, 0));
  }

  // Columns beyond `columns` are not set: their sums are never stored.
  static void pack(int64_t depth, Matrix<const T> b, int64_t columns, T *packed) {
    if (b.columnStep == 1 && columns == kNr) {
      for (int64_t k = 0; k < depth; ++k) {
        const T *from = b.data + k * b.rowStep;
        store(packed + k * kNr, load<V>(from));
        store(packed + k * kNr + VL, load<V>(from + VL));
      }
      return;
    }
    if (b.columnStep == 1) {
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t j = 0; j < columns; ++j)
          packed[k * kNr + j] = b.data[k * b.rowStep + j];
      return;
    }
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t k = 0; k < depth; ++k)
        packed[k * kNr + j] = b.at(k, j);
  }

  static void blocked(int64_t m, int64_t n, int64_t k, Matrix<const T> a, Matrix<const T> b,
                      Matrix<T> c) {
    alignas(64) T packed[kKc * kNr];
    // A strip that few tiles use is not worth a copy.
    bool inPlace = b.columnStep == 1 && m <= int64_t{2} * MR;
    for (int64_t k0 = 0; k0 < k; k0 += kKc) {
      int64_t depth = smaller<int64_t>(kKc, k - k0);
      for (int64_t j = 0; j < n; j += kNr) {
        int64_t columns = smaller<int64_t>(kNr, n - j);
        Matrix<const T> block = b.from(k0, j);
        Strip strip = {block.data, block.rowStep};
        if (!inPlace || columns < kNr) {
          pack(depth, block, columns, packed);
          strip = {packed, kNr};
        }
        multiplyStrip(m, depth, a.from(0, k0), strip, columns, c.from(0, j));
      }
    }
  }

  // One row of A, and rows of B that lie in memory: sums of scaled rows.
  static void rowTimesRows(int64_t n, int64_t k, Matrix<const T> a, Matrix<const T> b, T *c) {
    int64_t i = 0;
    for (; i + 4 <= k; i += 4) {
      const T *b0 = &b.at(i, 0), *b1 = &b.at(i + 1, 0), *b2 = &b.at(i + 2, 0),
              *b3 = &b.at(i + 3, 0);
      T a0 = a.at(0, i), a1 = a.at(0, i + 1), a2 = a.at(0, i + 2), a3 = a.at(0, i + 3);
      int64_t j = 0;
      for (; j + VL <= n; j += VL)
        store(c + j, load<V>(c + j) + a0 * load<V>(b0 + j) + a1 * load<V>(b1 + j) +
                         a2 * load<V>(b2 + j) + a3 * load<V>(b3 + j));
      for (; j < n; ++j)
        c[j] += a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j];
    }
    for (; i < k; ++i)
      for (int64_t j = 0; j < n; ++j)
        c[j] += a.at(0, i) * b.at(i, j);
  }

  static T sumOf(const V &vector) {
    T sum = 0;
#pragma unroll
    for (int i = 0; i < VL; ++i)
      sum += vector[i];
    return sum;
  }

  // One row of A, and columns of B that lie in memory: dot products, four at a time.
  static void rowTimesColumns(int64_t n, int64_t k, const T *a, Matrix<const T> b, Matrix<T> c) {
    for (int64_t j = 0; j < n; j += 4) {
      int64_t count = smaller<int64_t>(4, n - j);
      const T *column[4];
      V sums[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        column[i] = &b.at(0, j + smaller<int64_t>(i, count - 1));
        sums[i] = V{};
      }
      int64_t l = 0;
      for (; l + VL <= k; l += VL) {
        V factor = load<V>(a + l);
#pragma unroll
        for (int i = 0; i < 4; ++i)
          sums[i] += factor * load<V>(column[i] + l);
      }
      T rest[4] = {};
      for (; l < k; ++l)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          rest[i] += a[l] * column[i][l];
      T totals[4];
#pragma unroll
      for (int i = 0; i < 4; ++i)
        totals[i] = sumOf(sums[i]) + rest[i];
      for (int64_t i = 0; i < count; ++i)
        c.at(0, j + i) += totals[i];
    }
  }

  static void run(int64_t m, int64_t n, int64_t k, Matrix<const T> a, Matrix<const T> b,
                  Matrix<T> c) {
    if (m <= 0 || n <= 0 || k <= 0)
      return;
    // Sums are vectors along the columns of C, or of its transpose.
    if ((n == 1 && m > 1) || (c.columnStep != 1 && c.rowStep == 1 && n > 1 && m > 1)) {
      Matrix<const T> left = b.transposed();
      b = a.transposed();
      a = left;
      c = c.transposed();
      int64_t rows = n;
      n = m;
      m = rows;
    }
    if (m <= 2 && b.columnStep == 1 && c.columnStep == 1) {
      for (int64_t i = 0; i < m; ++i)
        rowTimesRows(n, k, a.from(i, 0), b, &c.at(i, 0));
    } else if (m <= 4 && b.rowStep == 1 && a.columnStep == 1) {
      for (int64_t i = 0; i < m; ++i)
        rowTimesColumns(n, k, &a.at(i, 0), b, c.from(i, 0));
    } else {
      blocked(m, n, k, a, b, c);
    }
  }
};

} // namespace linalgd::kernels
