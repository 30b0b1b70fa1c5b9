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
  }
  if (!made || !made->weights || !made->bound) {
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

EXPORT int linalgd_bind(linalgd_handle *handle, const char *slot,
                        DLManagedTensorVersioned *tensor) {
  for (int32_t i = 0; i < linalgd_program.num_weights; ++i) {
    const LinalgdWeight *weight = &linalgd_program.weights[i];
    if (strcmp(weight->slot, slot) != 0)
      continue;
    int status = linalgdCheckWeight(weight, tensor);
    if (status)
      return status;
    release(handle->bound[i]);
    handle->bound[i] = tensor;
    // An empty tensor may have no data, yet is bound.
    const char *data = tensor->dl_tensor.data;
    handle->weights[i] = data ? data + tensor->dl_tensor.byte_offset : (const char *)tensor;
    return LINALGD_OK;
  }
  return linalgdError(LINALGD_INVALID_ARGUMENT, "the model has no slot '%s'", slot);
}

EXPORT void linalgd_close(linalgd_handle *handle) {
  if (!handle)
    return;
  linalgdFreeSpare(handle);
  for (int32_t i = 0; handle->bound && i < linalgd_program.num_weights; ++i)
    release(handle->bound[i]);
  free(handle->bound);
  free(handle->weights);
  free(handle);
}

const void *linalgd_rt_weight(int64_t index) { return linalgdCurrentCall->handle->weights[index]; }

void linalgd_rt_fail(const char *message) {
  LinalgdCall *call = linalgdCurrentCall;
  call->status = linalgdError(LINALGD_MODEL_ERROR, "%s", message);
  longjmp(call->exit, 1);
}

// Copies a strided tensor to contiguous memory, row by row.
static void gather(const DLTensor *tensor, const char *source, int32_t dim, int64_t element,
                   char **target) {
  if (dim == tensor->ndim) {
    memcpy(*target, source, (size_t)element);
    *target += element;
    return;
  }
  for (int64_t i = 0; i < tensor->shape[dim]; ++i)
    gather(tensor, source + i * tensor->strides[dim] * element, dim + 1, element, target);
}

// The input's data as the generated code wants it; `alignment` is the dtype's own.
static const void *inputData(const DLTensor *tensor) {
  int64_t element = tensor->dtype.bits / 8;
  const char *data = (const char *)tensor->data + tensor->byte_offset;
  bool aligned = (uintptr_t)data % (element < 8 ? (uintptr_t)element : 8) == 0;
  bool contiguous = linalgdIsContiguous(tensor);
  if (aligned && contiguous)
    return data;
  int64_t size = linalgdNumElements(tensor) * element;
  char *copy = linalgd_rt_alloc(64, size), *target = copy;
  if (contiguous)
    memcpy(copy, data, (size_t)size);
  else
    gather(tensor, data, 0, element, &target);
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
    describe(next, tensor, inputData(tensor));
    arguments[i] = next;
    next += 3 + 2 * tensor->ndim;
  }
  program->entry(arguments, next);
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
