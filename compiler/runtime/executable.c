// The public functions of an executable, over the tables of its generated code.
#include "runtime.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static _Thread_local char lastError[512];

int linalgdError(int status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(lastError, sizeof lastError, format, arguments);
  va_end(arguments);
  return status;
}

EXPORT int32_t linalgd_abi_version(void) { return LINALGD_ABI_VERSION; }
EXPORT const char *linalgd_manifest(void) { return linalgd_program.manifest; }
EXPORT const char *linalgd_last_error(void) { return lastError; }

EXPORT int linalgd_open(linalgd_handle **handle) {
  *handle = NULL;
  int status = linalgdCheckCpu();
  if (status)
    return status;
  size_t count = (size_t)linalgd_program.num_weights;
  linalgd_handle *made = calloc(1, sizeof *made);
  if (made) {
    made->weights = calloc(count + 1, sizeof *made->weights);
    made->bound = calloc(count + 1, sizeof *made->bound);
    made->state = calloc(count + 1, sizeof *made->state);
  }
  if (!made || !made->weights || !made->bound || !made->state) {
    linalgd_close(made);
    return linalgdError(LINALGD_OUT_OF_MEMORY, "out of memory");
  }
  for (size_t i = 0; i < count; ++i)
    made->weights[i] = linalgd_program.weights[i].data;
  *handle = made;
  return LINALGD_OK;
}

static void release(DLManagedTensorVersioned *tensor) {
  if (tensor && tensor->deleter)
    tensor->deleter(tensor);
}

int32_t linalgdFindSlot(const char *slot) {
  for (int32_t i = 0; i < linalgd_program.num_weights; ++i)
    if (strcmp(linalgd_program.weights[i].slot, slot) == 0)
      return i;
  linalgdError(LINALGD_INVALID_ARGUMENT, "the model has no slot '%s'", slot);
  return -1;
}

EXPORT int linalgd_bind(linalgd_handle *handle, const char *slot,
                        DLManagedTensorVersioned *tensor) {
  int32_t i = linalgdFindSlot(slot);
  if (i < 0)
    return LINALGD_INVALID_ARGUMENT;
  int status = linalgdCheckWeight(&linalgd_program.weights[i], tensor);
  if (status)
    return status;
  release(handle->bound[i]);
  handle->bound[i] = tensor;
  // An empty tensor may have no data, yet is bound.
  const char *data = tensor->dl_tensor.data;
  handle->weights[i] = data ? data + tensor->dl_tensor.byte_offset : (const char *)tensor;
  linalgdForgetState(handle, i);
  return LINALGD_OK;
}

EXPORT void linalgd_close(linalgd_handle *handle) {
  if (!handle)
    return;
  linalgdFreeSpare(handle);
  for (int32_t i = 0; handle->bound && i < linalgd_program.num_weights; ++i)
    release(handle->bound[i]);
  for (int32_t i = 0; handle->state && i < linalgd_program.num_weights; ++i)
    linalgdForgetState(handle, i);
  free(handle->bound);
  free(handle->state);
  free(handle->weights);
  free(handle);
}

const void *linalgd_rt_weight(int64_t index) {
  const linalgd_handle *handle = linalgdCurrentCall->handle;
  return handle->state[index] ? handle->state[index] : handle->weights[index];
}

void linalgd_rt_fail(const char *message) {
  LinalgdCall *call = linalgdCurrentCall;
  call->status = linalgdError(LINALGD_MODEL_ERROR, "%s", message);
  longjmp(call->exit, 1);
}

void linalgd_rt_fail_relation(const char *message, const char *relation, int64_t a, int64_t b) {
  LinalgdCall *call = linalgdCurrentCall;
  call->status = linalgdError(LINALGD_MODEL_ERROR, "%s: %lld %s %lld", message, (long long)a,
                              relation, (long long)b);
  longjmp(call->exit, 1);
}

// Copies between a strided tensor and contiguous memory, row by row.
static void copyRows(const DLTensor *tensor, char *strided, int32_t dim, bool gathers,
                     char **rows) {
  int64_t element = tensor->dtype.bits / 8;
  if (dim == tensor->ndim) {
    memcpy(gathers ? *rows : strided, gathers ? strided : *rows, (size_t)element);
    *rows += element;
    return;
  }
  int64_t stride = element;
  for (int32_t i = tensor->ndim - 1; !tensor->strides && i > dim; --i)
    stride *= tensor->shape[i];
  if (tensor->strides)
    stride = tensor->strides[dim] * element;
  if (dim == tensor->ndim - 1 && stride == element) {
    element *= tensor->shape[dim];
    memcpy(gathers ? *rows : strided, gathers ? strided : *rows, (size_t)element);
    *rows += element;
    return;
  }
  for (int64_t i = 0; i < tensor->shape[dim]; ++i)
    copyRows(tensor, strided + i * stride, dim + 1, gathers, rows);
}

static char *dataOf(const DLTensor *tensor) { return (char *)tensor->data + tensor->byte_offset; }

// The bytes that a tensor lies between.
static void extent(const DLTensor *tensor, const char **first, const char **end) {
  int64_t element = tensor->dtype.bits / 8, low = 0, high = 0;
  for (int32_t i = 0; tensor->strides && i < tensor->ndim; ++i) {
    int64_t reach = (tensor->shape[i] - 1) * tensor->strides[i];
    *(reach < 0 ? &low : &high) += reach;
  }
  if (!tensor->strides)
    high = linalgdNumElements(tensor) - 1;
  *first = dataOf(tensor) + low * element;
  *end = dataOf(tensor) + (high + 1) * element;
}

static bool overlapsOthers(const DLManagedTensorVersioned *const *inputs, int32_t index) {
  const char *first, *end, *otherFirst, *otherEnd;
  extent(&inputs[index]->dl_tensor, &first, &end);
  for (int32_t i = 0; i < linalgd_program.num_inputs; ++i) {
    extent(&inputs[i]->dl_tensor, &otherFirst, &otherEnd);
    if (i != index && linalgdNumElements(&inputs[i]->dl_tensor) && first < otherEnd &&
        otherFirst < end)
      return true;
  }
  return false;
}

// The input's data as the generated code wants it: aligned to its dtype, contiguous, and, where it
// is written to, apart from all other inputs. That may be a copy.
static char *inputData(const DLManagedTensorVersioned *const *inputs, int32_t index) {
  const DLTensor *tensor = &inputs[index]->dl_tensor;
  int64_t element = tensor->dtype.bits / 8;
  char *data = dataOf(tensor);
  bool aligned = (uintptr_t)data % (element < 8 ? (uintptr_t)element : 8) == 0;
  bool apart = !linalgd_program.inputs[index].is_state || linalgdNumElements(tensor) == 0 ||
               !overlapsOthers(inputs, index);
  if (aligned && apart && linalgdIsContiguous(tensor))
    return data;
  char *copy = linalgd_rt_alloc(64, linalgdNumElements(tensor) * element), *rows = copy;
  copyRows(tensor, data, 0, true, &rows);
  return copy;
}

static void describe(int64_t *descriptor, const DLTensor *tensor, const void *data) {
  int32_t rank = tensor->ndim;
  descriptor[0] = descriptor[1] = (int64_t)(intptr_t)data;
  descriptor[2] = 0;
  int64_t stride = 1;
  for (int32_t i = rank - 1; i >= 0; --i) {
    descriptor[3 + i] = tensor->shape[i];
    descriptor[3 + rank + i] = stride;
    stride *= tensor->shape[i];
  }
}

typedef struct {
  DLManagedTensorVersioned tensor;
  int64_t dims[]; // shape, then strides
} Output;

static void deleteOutput(DLManagedTensorVersioned *tensor) {
  linalgdFreeDetached(tensor->manager_ctx);
  free(tensor);
}

static DLManagedTensorVersioned *makeOutput(const LinalgdTensor *type, const int64_t *descriptor) {
  size_t rank = (size_t)type->rank;
  Output *output = calloc(1, sizeof(Output) + 2 * rank * sizeof(int64_t));
  if (!output)
    return NULL;
  memcpy(output->dims, descriptor + 3, 2 * rank * sizeof(int64_t));
  output->tensor = (DLManagedTensorVersioned){.version = {1, 0},
                                              .manager_ctx = (void *)(intptr_t)descriptor[0],
                                              .deleter = deleteOutput,
                                              .dl_tensor = {.data = (void *)(intptr_t)descriptor[1],
                                                            .device = {kDLCPU, 0},
                                                            .ndim = type->rank,
                                                            .dtype = {type->code, type->bits, 1},
                                                            .shape = output->dims,
                                                            .strides = output->dims + rank}};
  linalgdDetach(output->tensor.manager_ctx);
  return &output->tensor;
}

// Prepares the descriptors, runs the model and wraps its results. Left by longjmp on an error.
static void run(LinalgdCall *call, const DLManagedTensorVersioned *const *inputs,
                DLManagedTensorVersioned **outputs) {
  const LinalgdProgram *program = &linalgd_program;
  int64_t words = 1;
  for (int32_t i = 0; i < program->num_inputs; ++i)
    words += 1 + 3 + 2 * program->inputs[i].rank;
  for (int32_t i = 0; i < program->num_outputs; ++i)
    words += 3 + 2 * program->outputs[i].rank;
  int64_t *block = linalgd_rt_alloc(64, words * (int64_t)sizeof(int64_t));
  void **arguments = (void **)block;
  int64_t *next = block + program->num_inputs;
  for (int32_t i = 0; i < program->num_inputs; ++i) {
    const DLTensor *tensor = &inputs[i]->dl_tensor;
    describe(next, tensor, inputData(inputs, i));
    arguments[i] = next;
    next += 3 + 2 * tensor->ndim;
  }
  program->entry(arguments, next);
  for (int32_t i = 0; i < program->num_inputs; ++i) {
    const DLTensor *tensor = &inputs[i]->dl_tensor;
    char *data = (char *)(intptr_t)((int64_t *)arguments[i])[1];
    if (program->inputs[i].is_state && data != dataOf(tensor))
      copyRows(tensor, dataOf(tensor), 0, false, &data);
  }
  for (int32_t i = 0; i < program->num_outputs; ++i) {
    outputs[i] = makeOutput(&program->outputs[i], next);
    if (!outputs[i]) {
      call->status = linalgdError(LINALGD_OUT_OF_MEMORY, "out of memory");
      return;
    }
    next += 3 + 2 * program->outputs[i].rank;
  }
}

static int checkCall(const linalgd_handle *handle, const DLManagedTensorVersioned *const *inputs,
                     int32_t numInputs, int32_t numOutputs) {
  if (numOutputs != linalgd_program.num_outputs)
    return linalgdError(LINALGD_INVALID_ARGUMENT, "the model has %d outputs, not %d",
                        linalgd_program.num_outputs, numOutputs);
  int status = linalgdCheckInputs(inputs, numInputs);
  for (int32_t i = 0; i < linalgd_program.num_weights && !status; ++i)
    if (!handle->weights[i])
      status = linalgdError(LINALGD_UNBOUND_WEIGHT,
                            "slot '%s' has no data: bind a tensor to it before the call",
                            linalgd_program.weights[i].slot);
  return status;
}

EXPORT int linalgd_call(linalgd_handle *handle, const DLManagedTensorVersioned *const *inputs,
                        int32_t num_inputs, DLManagedTensorVersioned **outputs,
                        int32_t num_outputs) {
  for (int32_t i = 0; i < num_outputs; ++i)
    outputs[i] = NULL;
  int status = checkCall(handle, inputs, num_inputs, num_outputs);
  for (int32_t i = 0; i < linalgd_program.num_weights && !status; ++i)
    if (linalgd_program.weights[i].is_state)
      status = linalgdHoldState(handle, i);
  if (status)
    return status;
  LinalgdCall call;
  linalgdStartCall(&call, handle);
  if (setjmp(call.exit) == 0)
    run(&call, inputs, outputs);
  linalgdEndCall(&call);
  for (int32_t i = 0; call.status && i < num_outputs; ++i) {
    release(outputs[i]);
    outputs[i] = NULL;
  }
  return call.status;
}
