// What an executable's generated code and the runtime linked into it know of each other. Internal:
// both are always of one build. compiler/codegen/tables.cpp emits these structures field by field.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One dimension of a tensor in the signature, or an integer.
typedef struct {
  int64_t size; // ≥ 0: static; -1: given by `expression`, or anything where that is NULL
  const int64_t *expression; // postfix, see LINALGD_EXPR_*
  const char *text;          // as the signature writes it
} LinalgdDim;

// Postfix programs over the symbols: each word is an opcode, those before ADD are followed by an
// operand. A number is an integer until a real one comes into it.
enum {
  LINALGD_EXPR_END,
  LINALGD_EXPR_CONSTANT, // value
  LINALGD_EXPR_REAL,     // a double's bits
  LINALGD_EXPR_SYMBOL,   // index
  LINALGD_EXPR_ADD,
  LINALGD_EXPR_MUL,
  LINALGD_EXPR_DIV, // floor
  LINALGD_EXPR_MOD, // of the divisor's sign
  LINALGD_EXPR_TRUE_DIV,
  LINALGD_EXPR_POW,
  LINALGD_EXPR_MIN,
  LINALGD_EXPR_MAX,
  LINALGD_EXPR_EQ, // comparisons: 1 or 0
  LINALGD_EXPR_NE,
  LINALGD_EXPR_LT,
  LINALGD_EXPR_LE,
  LINALGD_EXPR_GT,
  LINALGD_EXPR_GE,
  LINALGD_EXPR_BIT_AND, // of integers only, as the shifts
  LINALGD_EXPR_BIT_OR,
  LINALGD_EXPR_BIT_XOR,
  LINALGD_EXPR_SHIFT_LEFT,
  LINALGD_EXPR_SHIFT_RIGHT,
  LINALGD_EXPR_NOT, // of one operand from here
  LINALGD_EXPR_ABS,
  LINALGD_EXPR_FLOOR,
  LINALGD_EXPR_CEIL,
  LINALGD_EXPR_TRUNC,
  LINALGD_EXPR_ROUND, // to even
  LINALGD_EXPR_TO_REAL,
  LINALGD_EXPR_SQRT,
  LINALGD_EXPR_SELECT // of three
};
#define LINALGD_EXPR_MAX_STACK 32

typedef struct {
  const char *name;
  uint8_t code; // DLDataTypeCode
  uint8_t bits;
  bool is_state; // the model writes to it
  int32_t rank;
  const LinalgdDim *dims;
  const LinalgdDim *value; // of an integer that symbols stand for; NULL where none does
} LinalgdTensor;

typedef struct {
  const char *name;
  int64_t min;
  int64_t max; // INT64_MAX: none
} LinalgdSymbol;

// What the sizes and integers of the inputs must satisfy: a postfix program that gives 1.
typedef struct {
  const int64_t *expression;
  const char *text;
} LinalgdGuard;

typedef struct {
  const char *slot;
  uint8_t code;
  uint8_t bits;
  bool is_state; // the model writes to it
  int32_t rank;
  const int64_t *shape;
  const void *data; // NULL: to be bound
} LinalgdWeight;

// A processor feature: a bit of a register (0–3: eax–edx) that cpuid(leaf, subleaf) returns.
typedef struct {
  const char *name;
  uint32_t leaf;
  uint32_t subleaf;
  uint32_t reg;
  uint32_t bit;
} LinalgdFeature;

typedef struct {
  const char *manifest;
  const char *target;
  int32_t num_features, num_symbols, num_inputs, num_outputs, num_weights, num_guards;
  uint64_t xcr0; // the register state that the operating system must save
  const LinalgdFeature *features;
  const LinalgdSymbol *symbols;
  const LinalgdTensor *inputs;
  const LinalgdTensor *outputs;
  const LinalgdWeight *weights;
  const LinalgdGuard *guards;
  // Runs the model. arguments[i] points to input i's memref descriptor; the outputs' descriptors
  // are written to `results`, one after the other. A descriptor of rank r is 3 + 2r words:
  // allocated pointer, data pointer, offset, r sizes, r strides.
  void (*entry)(void *const *arguments, int64_t *results);
} LinalgdProgram;

extern const LinalgdProgram linalgd_program;

// What generated code calls, within a linalgd_call of this thread.
void *linalgd_rt_alloc(int64_t alignment, int64_t size); // alignment: at most 64
void linalgd_rt_free(void *block); // optional: what is left is freed when the call ends
const void *linalgd_rt_weight(int64_t index);
// Both end the call with LINALGD_MODEL_ERROR. `relation` is what does not hold: a "must be" b.
_Noreturn void linalgd_rt_fail(const char *message);
_Noreturn void linalgd_rt_fail_relation(const char *message, const char *relation, int64_t a,
                                        int64_t b);
