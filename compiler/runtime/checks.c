// Checks of what a caller hands in, with messages that name the input, the dimension and the
// symbol.
#include "runtime.h"

#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>

static const char *dtypeName(uint8_t code, uint8_t bits, char buffer[32]) {
  static const char *const kNames[] = {"int", "uint", "float", "handle", "bfloat", "complex"};
  if (code == kDLBool)
    return "bool";
  if (code <= kDLComplex)
    snprintf(buffer, 32, "%s%d", kNames[code], bits);
  else
    snprintf(buffer, 32, "a dtype of code %d with %d bits", code, bits);
  return buffer;
}

int64_t linalgdNumElements(const DLTensor *tensor) {
  int64_t count = 1;
  for (int32_t i = 0; i < tensor->ndim; ++i)
    count *= tensor->shape[i];
  return count;
}

bool linalgdIsContiguous(const DLTensor *tensor) {
  if (!tensor->strides || linalgdNumElements(tensor) == 0)
    return true;
  int64_t expected = 1;
  for (int32_t i = tensor->ndim - 1; i >= 0; --i) {
    if (tensor->shape[i] != 1 && tensor->strides[i] != expected)
      return false;
    expected *= tensor->shape[i];
  }
  return true;
}

static uint64_t readXcr0(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

int linalgdCheckCpu(void) {
  const LinalgdProgram *program = &linalgd_program;
  for (int32_t i = 0; i < program->num_features; ++i) {
    const LinalgdFeature *feature = &program->features[i];
    uint32_t regs[4];
    // __get_cpuid_count knows nothing of leaves above the processor's maximum: it returns 0 there.
    if (!__get_cpuid_count(feature->leaf, feature->subleaf, &regs[0], &regs[1], &regs[2],
                           &regs[3]) ||
        !(regs[feature->reg] >> feature->bit & 1))
      return linalgdError(LINALGD_UNSUPPORTED_CPU,
                          "this processor lacks %s, which the library's target %s needs; compile "
                          "the model for a lower target, such as x86-64-v2",
                          feature->name, program->target);
  }
  if (!program->xcr0)
    return LINALGD_OK;
  uint32_t a, b, c, d;
  bool osxsave = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE);
  if (!osxsave || (readXcr0() & program->xcr0) != program->xcr0)
    return linalgdError(LINALGD_UNSUPPORTED_CPU,
                        "the operating system does not save the vector registers that the "
                        "library's target %s needs",
                        program->target);
  return LINALGD_OK;
}

// What inputs and weights have in common; `what` and `name` say which tensor it is.
static int checkTensor(const char *what, const char *name, uint8_t code, uint8_t bits, int32_t rank,
                       const DLManagedTensorVersioned *managed) {
  if (!managed)
    return linalgdError(LINALGD_INVALID_ARGUMENT, "%s '%s' is NULL", what, name);
  if (managed->version.major != 1)
    return linalgdError(LINALGD_INVALID_ARGUMENT, "%s '%s' is of DLPack version %u.%u, not 1.x",
                        what, name, managed->version.major, managed->version.minor);
  const DLTensor *tensor = &managed->dl_tensor;
  if (tensor->device.device_type != kDLCPU)
    return linalgdError(LINALGD_INVALID_ARGUMENT,
                        "%s '%s' is on a device of type %d; move it to the CPU first", what, name,
                        (int)tensor->device.device_type);
  if (tensor->dtype.code != code || tensor->dtype.bits != bits || tensor->dtype.lanes != 1) {
    char expected[32], given[32];
    return linalgdError(LINALGD_INVALID_ARGUMENT, "%s '%s' must be %s, not %s", what, name,
                        dtypeName(code, bits, expected),
                        dtypeName(tensor->dtype.code, tensor->dtype.bits, given));
  }
  if (tensor->ndim != rank)
    return linalgdError(LINALGD_INVALID_ARGUMENT, "%s '%s' must have %d dimensions, not %d", what,
                        name, rank, tensor->ndim);
  for (int32_t i = 0; i < rank; ++i)
    if (tensor->shape[i] < 0)
      return linalgdError(LINALGD_INVALID_ARGUMENT, "dimension %d of %s '%s' is negative", i, what,
                          name);
  if (!tensor->data && linalgdNumElements(tensor) != 0)
    return linalgdError(LINALGD_INVALID_ARGUMENT, "%s '%s' has no data", what, name);
  return LINALGD_OK;
}

int linalgdCheckWeight(const LinalgdWeight *weight, const DLManagedTensorVersioned *managed) {
  int status = checkTensor("slot", weight->slot, weight->code, weight->bits, weight->rank, managed);
  if (status)
    return status;
  const DLTensor *tensor = &managed->dl_tensor;
  for (int32_t i = 0; i < weight->rank; ++i)
    if (tensor->shape[i] != weight->shape[i])
      return linalgdError(LINALGD_INVALID_ARGUMENT,
                          "dimension %d of slot '%s' must be %lld, not %lld", i, weight->slot,
                          (long long)weight->shape[i], (long long)tensor->shape[i]);
  if (!linalgdIsContiguous(tensor))
    return linalgdError(LINALGD_INVALID_ARGUMENT, "slot '%s' must be contiguous", weight->slot);
  uintptr_t address = (uintptr_t)tensor->data + tensor->byte_offset;
  if (address % (weight->bits < 64 ? weight->bits / 8 : 8) != 0)
    return linalgdError(LINALGD_INVALID_ARGUMENT,
                        "the data of slot '%s' must be aligned to its element size", weight->slot);
  return LINALGD_OK;
}

static int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

static int64_t apply(int64_t opcode, int64_t a, int64_t b) {
  switch (opcode) {
  case LINALGD_EXPR_ADD:
    return a + b;
  case LINALGD_EXPR_SUB:
    return a - b;
  case LINALGD_EXPR_MUL:
    return a * b;
  case LINALGD_EXPR_DIV:
    return floorDiv(a, b);
  case LINALGD_EXPR_MOD:
    return a - floorDiv(a, b) * b;
  case LINALGD_EXPR_MIN:
    return a < b ? a : b;
  case LINALGD_EXPR_MAX:
    return a > b ? a : b;
  case LINALGD_EXPR_EQ:
    return a == b;
  case LINALGD_EXPR_NE:
    return a != b;
  case LINALGD_EXPR_LT:
    return a < b;
  case LINALGD_EXPR_LE:
    return a <= b;
  case LINALGD_EXPR_GT:
    return a > b;
  default: // LINALGD_EXPR_GE
    return a >= b;
  }
}

// Evaluates a postfix program. False: a symbol of it has no value yet, or it divides by zero.
static bool evaluate(const int64_t *code, const int64_t *values, const bool *known,
                     int64_t *result) {
  int64_t stack[LINALGD_EXPR_MAX_STACK];
  int32_t top = 0;
  for (; *code != LINALGD_EXPR_END; ++code) {
    if (*code == LINALGD_EXPR_CONSTANT) {
      stack[top++] = *++code;
      continue;
    }
    if (*code == LINALGD_EXPR_SYMBOL) {
      if (!known[*++code])
        return false;
      stack[top++] = values[*code];
      continue;
    }
    int64_t b = stack[--top], a = stack[top - 1];
    bool divides = *code == LINALGD_EXPR_DIV || *code == LINALGD_EXPR_MOD;
    if (divides && (b == 0 || b == -1))
      return false;
    stack[top - 1] = apply(*code, a, b);
  }
  *result = stack[0];
  return true;
}

static bool isSymbol(const LinalgdDim *dim) {
  return dim->size < 0 && dim->expression && dim->expression[0] == LINALGD_EXPR_SYMBOL &&
         dim->expression[2] == LINALGD_EXPR_END;
}

// Gives a symbol the value of the first dimension that is just it.
static int bindSymbol(const LinalgdTensor *input, int32_t dim, int64_t size, int64_t *values,
                      bool *known) {
  int64_t index = input->dims[dim].expression[1];
  const LinalgdSymbol *symbol = &linalgd_program.symbols[index];
  if (known[index])
    return LINALGD_OK;
  known[index] = true;
  values[index] = size;
  if (size < symbol->min)
    return linalgdError(LINALGD_INVALID_ARGUMENT,
                        "dimension %d of input '%s' (%s) must be at least %lld, not %lld", dim,
                        input->name, symbol->name, (long long)symbol->min, (long long)size);
  if (size > symbol->max)
    return linalgdError(LINALGD_INVALID_ARGUMENT,
                        "dimension %d of input '%s' (%s) must be at most %lld, not %lld", dim,
                        input->name, symbol->name, (long long)symbol->max, (long long)size);
  return LINALGD_OK;
}

static int checkDim(const LinalgdTensor *input, int32_t dim, int64_t size, const int64_t *values,
                    const bool *known) {
  const LinalgdDim *expected = &input->dims[dim];
  if (expected->size >= 0) {
    if (size == expected->size)
      return LINALGD_OK;
    return linalgdError(LINALGD_INVALID_ARGUMENT,
                        "dimension %d of input '%s' must be %lld, not %lld", dim, input->name,
                        (long long)expected->size, (long long)size);
  }
  int64_t value;
  if (!expected->expression || !evaluate(expected->expression, values, known, &value) ||
      value == size)
    return LINALGD_OK;
  return linalgdError(LINALGD_INVALID_ARGUMENT,
                      "dimension %d of input '%s' must be %s = %lld, not %lld", dim, input->name,
                      expected->text, (long long)value, (long long)size);
}

int linalgdCheckInputs(const DLManagedTensorVersioned *const *inputs, int32_t count) {
  const LinalgdProgram *program = &linalgd_program;
  if (count != program->num_inputs)
    return linalgdError(LINALGD_INVALID_ARGUMENT, "the model takes %d inputs, not %d",
                        program->num_inputs, count);
  for (int32_t i = 0; i < count; ++i) {
    const LinalgdTensor *input = &program->inputs[i];
    int status =
        checkTensor("input", input->name, input->code, input->bits, input->rank, inputs[i]);
    if (status)
      return status;
    if (input->is_state && (inputs[i]->flags & DLPACK_FLAG_BITMASK_READ_ONLY))
      return linalgdError(LINALGD_INVALID_ARGUMENT,
                          "the model writes to input '%s', which is read-only", input->name);
  }
  int64_t *values = calloc((size_t)program->num_symbols + 1, sizeof(int64_t) + sizeof(bool));
  if (!values)
    return linalgdError(LINALGD_OUT_OF_MEMORY, "out of memory");
  bool *known = (bool *)(values + program->num_symbols + 1);
  int status = LINALGD_OK;
  for (int pass = 0; pass < 2; ++pass)
    for (int32_t i = 0; i < count && !status; ++i)
      for (int32_t d = 0; d < program->inputs[i].rank && !status; ++d) {
        int64_t size = inputs[i]->dl_tensor.shape[d];
        if (pass == 1)
          status = checkDim(&program->inputs[i], d, size, values, known);
        else if (isSymbol(&program->inputs[i].dims[d]))
          status = bindSymbol(&program->inputs[i], d, size, values, known);
      }
  for (int32_t i = 0; i < program->num_guards && !status; ++i) {
    int64_t holds;
    if (evaluate(program->guards[i].expression, values, known, &holds) && !holds)
      status = linalgdError(LINALGD_INVALID_ARGUMENT,
                            "the inputs do not satisfy %s, which the model was exported for",
                            program->guards[i].text);
  }
  free(values);
  return status;
}
