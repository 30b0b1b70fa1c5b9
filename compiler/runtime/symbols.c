// The symbols of the signature: their values from what a caller hands in, and the conditions over
// them.
#include "runtime.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  bool is_real;
  int64_t integer;
  double real;
} Number;

static Number integerOf(int64_t value) { return (Number){false, value, (double)value}; }
static Number realOf(double value) { return (Number){true, 0, value}; }

static int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

// Of two integers. False: the result is none of 64 bits.
static bool applyToIntegers(int64_t opcode, int64_t a, int64_t b, Number *result) {
  int64_t value = 0;
  switch (opcode) {
  case LINALGD_EXPR_ADD:
    if (__builtin_add_overflow(a, b, &value))
      return false;
    break;
  case LINALGD_EXPR_MUL:
    if (__builtin_mul_overflow(a, b, &value))
      return false;
    break;
  case LINALGD_EXPR_DIV:
  case LINALGD_EXPR_MOD:
    if (b == 0 || (b == -1 && a == INT64_MIN))
      return false;
    value = opcode == LINALGD_EXPR_DIV ? floorDiv(a, b) : a - floorDiv(a, b) * b;
    break;
  case LINALGD_EXPR_TRUE_DIV:
    *result = realOf((double)a / (double)b);
    return b != 0;
  case LINALGD_EXPR_POW:
    if (b < 0) {
      *result = realOf(pow((double)a, (double)b));
      return true;
    }
    if (a >= -1 && a <= 1) // any power fits
      value = b == 0 || (a == -1 && b % 2 == 0) ? 1 : a;
    else
      for (value = 1; b > 0; --b)
        if (__builtin_mul_overflow(value, a, &value))
          return false;
    break;
  case LINALGD_EXPR_MIN:
    value = a < b ? a : b;
    break;
  case LINALGD_EXPR_MAX:
    value = a > b ? a : b;
    break;
  case LINALGD_EXPR_EQ:
    value = a == b;
    break;
  case LINALGD_EXPR_NE:
    value = a != b;
    break;
  case LINALGD_EXPR_LT:
    value = a < b;
    break;
  case LINALGD_EXPR_LE:
    value = a <= b;
    break;
  case LINALGD_EXPR_GT:
    value = a > b;
    break;
  case LINALGD_EXPR_GE:
    value = a >= b;
    break;
  case LINALGD_EXPR_BIT_AND:
    value = a & b;
    break;
  case LINALGD_EXPR_BIT_OR:
    value = a | b;
    break;
  case LINALGD_EXPR_BIT_XOR:
    value = a ^ b;
    break;
  case LINALGD_EXPR_SHIFT_LEFT:
    if (b < 0 || b > 62 || __builtin_mul_overflow(a, (int64_t)1 << b, &value))
      return false;
    break;
  default: // LINALGD_EXPR_SHIFT_RIGHT
    if (b < 0)
      return false;
    value = a >> (b > 63 ? 63 : b);
  }
  *result = integerOf(value);
  return true;
}

static bool applyToReals(int64_t opcode, double a, double b, Number *result) {
  switch (opcode) {
  case LINALGD_EXPR_ADD:
    *result = realOf(a + b);
    return true;
  case LINALGD_EXPR_MUL:
    *result = realOf(a * b);
    return true;
  case LINALGD_EXPR_DIV:
    *result = realOf(floor(a / b));
    return b != 0;
  case LINALGD_EXPR_MOD:
    *result = realOf(a - floor(a / b) * b);
    return b != 0;
  case LINALGD_EXPR_TRUE_DIV:
    *result = realOf(a / b);
    return b != 0;
  case LINALGD_EXPR_POW:
    *result = realOf(pow(a, b));
    return true;
  case LINALGD_EXPR_MIN:
    *result = realOf(a < b ? a : b);
    return true;
  case LINALGD_EXPR_MAX:
    *result = realOf(a > b ? a : b);
    return true;
  case LINALGD_EXPR_EQ:
    *result = integerOf(a == b);
    return true;
  case LINALGD_EXPR_NE:
    *result = integerOf(a != b);
    return true;
  case LINALGD_EXPR_LT:
    *result = integerOf(a < b);
    return true;
  case LINALGD_EXPR_LE:
    *result = integerOf(a <= b);
    return true;
  case LINALGD_EXPR_GT:
    *result = integerOf(a > b);
    return true;
  case LINALGD_EXPR_GE:
    *result = integerOf(a >= b);
    return true;
  default:
    return false;
  }
}

static bool applyToOne(int64_t opcode, Number a, Number *result) {
  double value = a.real;
  switch (opcode) {
  case LINALGD_EXPR_NOT:
    *result = integerOf(a.is_real ? a.real == 0 : a.integer == 0);
    return true;
  case LINALGD_EXPR_ABS:
    *result = a.is_real ? realOf(fabs(value)) : integerOf(a.integer < 0 ? -a.integer : a.integer);
    return a.is_real || a.integer != INT64_MIN;
  case LINALGD_EXPR_TO_REAL:
    *result = realOf(value);
    return true;
  case LINALGD_EXPR_SQRT:
    *result = realOf(sqrt(value));
    return value >= 0;
  case LINALGD_EXPR_FLOOR:
    value = floor(value);
    break;
  case LINALGD_EXPR_CEIL:
    value = ceil(value);
    break;
  case LINALGD_EXPR_TRUNC:
    value = trunc(value);
    break;
  default: // LINALGD_EXPR_ROUND
    value = rint(value);
  }
  if (!a.is_real)
    *result = a;
  else if (fabs(value) < 0x1p63)
    *result = integerOf((int64_t)value);
  else
    return false;
  return true;
}

// Runs a postfix program. False: a symbol of it has no value, or it divides by zero or overflows.
static bool evaluate(const int64_t *code, const LinalgdSymbolValues *symbols, Number *result) {
  Number stack[LINALGD_EXPR_MAX_STACK];
  int32_t top = -1; // the last number's place
  for (; *code != LINALGD_EXPR_END; ++code) {
    int64_t opcode = *code;
    bool known = true;
    if (opcode == LINALGD_EXPR_CONSTANT) {
      stack[++top] = integerOf(*++code);
    } else if (opcode == LINALGD_EXPR_REAL) {
      double value;
      memcpy(&value, ++code, sizeof value);
      stack[++top] = realOf(value);
    } else if (opcode == LINALGD_EXPR_SYMBOL) {
      known = symbols->known[*++code];
      stack[++top] = integerOf(symbols->values[*code]);
    } else if (opcode == LINALGD_EXPR_SELECT) {
      top -= 2;
      stack[top] = stack[top].integer ? stack[top + 1] : stack[top + 2];
    } else if (opcode >= LINALGD_EXPR_NOT) {
      known = applyToOne(opcode, stack[top], &stack[top]);
    } else {
      Number a = stack[--top], b = stack[top + 1];
      known = a.is_real || b.is_real ? applyToReals(opcode, a.real, b.real, &stack[top])
                                     : applyToIntegers(opcode, a.integer, b.integer, &stack[top]);
    }
    if (!known)
      return false;
  }
  *result = stack[0];
  return true;
}

bool linalgdEvaluate(const int64_t *code, const LinalgdSymbolValues *symbols, int64_t *result) {
  Number number;
  if (!evaluate(code, symbols, &number))
    return false;
  *result = number.integer;
  return !number.is_real || applyToOne(LINALGD_EXPR_TRUNC, number, &number);
}

// The one symbol without a value in a sum or product of symbols and numbers, where it occurs once;
// -1 where there is none, or something else than sums and products.
static int64_t onlyUnknown(const int64_t *code, const LinalgdSymbolValues *symbols) {
  int64_t found = -1;
  for (; *code != LINALGD_EXPR_END; ++code) {
    if (*code == LINALGD_EXPR_ADD || *code == LINALGD_EXPR_MUL)
      continue;
    bool is_symbol = *code == LINALGD_EXPR_SYMBOL;
    if (!is_symbol && *code != LINALGD_EXPR_CONSTANT)
      return -1;
    ++code;
    if (!is_symbol || symbols->known[*code])
      continue;
    if (found >= 0)
      return -1;
    found = *code;
  }
  return found;
}

int64_t linalgdSolve(const int64_t *code, int64_t value, LinalgdSymbolValues *symbols) {
  int64_t index = onlyUnknown(code, symbols), zero, one, slope;
  if (index < 0)
    return -1;
  symbols->known[index] = true;
  symbols->values[index] = 0;
  bool solved = linalgdEvaluate(code, symbols, &zero);
  symbols->values[index] = 1;
  solved = solved && linalgdEvaluate(code, symbols, &one) &&
           !__builtin_sub_overflow(one, zero, &slope) && slope > 0 &&
           !__builtin_sub_overflow(value, zero, &value);
  if (solved)
    symbols->values[index] = floorDiv(value, slope);
  symbols->known[index] = solved;
  return solved ? index : -1;
}
