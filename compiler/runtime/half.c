// Conversions of 16-bit floating point that LLVM calls where the target has no instruction. The
// calling convention passes half and bfloat16 in vector registers, as _Float16 and __bf16 do.
#include <stdint.h>
#include <string.h>

static uint32_t bitsOf(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float floatOf(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint16_t toHalf(float value) {
  uint32_t bits = bitsOf(value), sign = bits >> 16 & 0x8000;
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) // NaN stays one
    return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x477ff000) // rounds to 2^16 or beyond
    return (uint16_t)(sign | 0x7c00);
  if (magnitude < 0x38800000) { // subnormal: let the addition round
    float shifted = floatOf(magnitude) + floatOf(0x3f000000);
    return (uint16_t)(sign | (bitsOf(shifted) - 0x3f000000));
  }
  uint32_t rounded = magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1);
  return (uint16_t)(sign | rounded >> 13);
}

static float fromHalf(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) // infinity, NaN
    return floatOf(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude < 0x400) // subnormal: exact in float
    return floatOf(sign | bitsOf((float)magnitude * 0x1p-24f));
  return floatOf(sign | (magnitude << 13) + 0x38000000);
}

static uint16_t toBfloat(float value) {
  uint32_t bits = bitsOf(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// float that rounds "to odd": a second rounding to fewer bits is then right.
static float narrow(double value) {
  float rounded = (float)value;
  if ((double)rounded == value || rounded != rounded || rounded - rounded != 0)
    return rounded;
  uint32_t bits = bitsOf(rounded);
  int tooFar = (value > 0) == ((double)rounded > value);
  if (bits & 1)
    return rounded;
  return floatOf(tooFar ? bits - 1 : bits + 1);
}

typedef union {
  uint16_t bits;
  _Float16 value;
} Half;

typedef union {
  uint16_t bits;
  __bf16 value;
} Bfloat;

float __extendhfsf2(_Float16 value) { return fromHalf((Half){.value = value}.bits); }
_Float16 __truncsfhf2(float value) { return (Half){.bits = toHalf(value)}.value; }
_Float16 __truncdfhf2(double value) { return (Half){.bits = toHalf(narrow(value))}.value; }
__bf16 __truncsfbf2(float value) { return (Bfloat){.bits = toBfloat(value)}.value; }
__bf16 __truncdfbf2(double value) { return (Bfloat){.bits = toBfloat(narrow(value))}.value; }
