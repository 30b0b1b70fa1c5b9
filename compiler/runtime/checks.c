// Checks of what a caller hands in, with messages that name the input, the dimension and the
// symbol.
#include "runtime.h"

#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

// What the signature says of a dimension of an input, or (-1) of the integer that it is.
static const LinalgdDim *expectedAt(const LinalgdTensor *input, int32_t dim) {
  return dim < 0 ? input->value : &input->dims[dim];
}

static int64_t actualAt(const DLTensor *tensor, int32_t dim) {
  if (dim >= 0)
    return tensor->shape[dim];
  int64_t value;
  memcpy(&value, (const char *)tensor->data + tensor->byte_offset, sizeof value);
  return value;
}

// "dimension 0 of input 'x'", "input 'n'".
static const char *describe(const LinalgdTensor *input, int32_t dim, char buffer[256]) {
  if (dim < 0)
    snprintf(buffer, 256, "input '%s'", input->name);
  else
    snprintf(buffer, 256, "dimension %d of input '%s'", dim, input->name);
  return buffer;
}

// Gives a symbol its value by the first place that tells it; sets `progress` if it does.
static int bindSymbol(const LinalgdTensor *input, int32_t dim, int64_t actual,
                      LinalgdSymbolValues *symbols, bool *progress) {
  const LinalgdDim *expected = expectedAt(input, dim);
  if (expected->size >= 0 || !expected->expression)
    return LINALGD_OK;
  int64_t index = linalgdSolve(expected->expression, actual, symbols);
  if (index < 0)
    return LINALGD_OK;
  *progress = true;
  const LinalgdSymbol *symbol = &linalgd_program.symbols[index];
  int64_t value = symbols->values[index];
  bool low = value < symbol->min;
  if (!low && value <= symbol->max)
    return LINALGD_OK;
  char place[256];
  describe(input, dim, place);
  const char *bound = low ? "at least" : "at most";
  long long limit = low ? symbol->min : symbol->max;
  if (strcmp(expected->text, symbol->name) == 0)
    return linalgdError(LINALGD_INVALID_ARGUMENT, "%s (%s) must be %s %lld, not %lld", place,
                        symbol->name, bound, limit, (long long)value);
  return linalgdError(LINALGD_INVALID_ARGUMENT, "%s is %s, where %s must be %s %lld, not %lld",
                      place, expected->text, symbol->name, bound, limit, (long long)value);
}

static int checkPlace(const LinalgdTensor *input, int32_t dim, int64_t actual,
                      const LinalgdSymbolValues *symbols) {
  const LinalgdDim *expected = expectedAt(input, dim);
  char place[256];
  if (expected->size >= 0) {
    if (actual == expected->size)
      return LINALGD_OK;
    return linalgdError(LINALGD_INVALID_ARGUMENT, "%s must be %lld, not %lld",
                        describe(input, dim, place), (long long)expected->size, (long long)actual);
  }
  int64_t value;
  if (!expected->expression || !linalgdEvaluate(expected->expression, symbols, &value) ||
      value == actual)
    return LINALGD_OK;
  return linalgdError(LINALGD_INVALID_ARGUMENT, "%s must be %s = %lld, not %lld",
                      describe(input, dim, place), expected->text, (long long)value,
                      (long long)actual);
}

// Holds sizes and integers against the signature, whose symbols they give values.
static int checkSymbols(const DLManagedTensorVersioned *const *inputs, int32_t count,
                        LinalgdSymbolValues *symbols) {
  const LinalgdProgram *program = &linalgd_program;
  int status = LINALGD_OK;
  bool progress = true;
  while (progress && !status) {
    progress = false;
    for (int32_t i = 0; i < count && !status; ++i) {
      const LinalgdTensor *input = &program->inputs[i];
      for (int32_t d = input->value ? -1 : 0; d < input->rank && !status; ++d)
        status = bindSymbol(input, d, actualAt(&inputs[i]->dl_tensor, d), symbols, &progress);
    }
  }
  for (int32_t i = 0; i < count && !status; ++i) {
    const LinalgdTensor *input = &program->inputs[i];
    for (int32_t d = input->value ? -1 : 0; d < input->rank && !status; ++d)
      status = checkPlace(input, d, actualAt(&inputs[i]->dl_tensor, d), symbols);
  }
  for (int32_t i = 0; i < program->num_guards && !status; ++i) {
    int64_t holds;
    if (!linalgdEvaluate(program->guards[i].expression, symbols, &holds) || !holds)
      status = linalgdError(LINALGD_INVALID_ARGUMENT,
                            "the inputs do not satisfy %s, which the model was exported for",
                            program->guards[i].text);
  }
  return status;
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
  LinalgdSymbolValues symbols = {values, (bool *)(values + program->num_symbols + 1)};
  int status = checkSymbols(inputs, count, &symbols);
  free(values);
  return status;
}
