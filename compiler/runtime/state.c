// Buffers that a model writes: from its first call on each has memory of the handle's own, which
// calls update in place.
#include "runtime.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

int linalgdHoldState(linalgd_handle *handle, int32_t slot) {
  const LinalgdWeight *weight = &linalgd_program.weights[slot];
  if (handle->state[slot])
    return LINALGD_OK;
  size_t bytes = weight->bits / 8;
  for (int32_t i = 0; i < weight->rank; ++i)
    bytes *= (size_t)weight->shape[i];
  void *memory = aligned_alloc(64, (bytes + 64) & ~(size_t)63);
  if (!memory)
    return linalgdError(LINALGD_OUT_OF_MEMORY, "cannot allocate %zu bytes for slot '%s'", bytes,
                        weight->slot);
  if (bytes)
    memcpy(memory, handle->weights[slot], bytes);
  handle->state[slot] = memory;
  return LINALGD_OK;
}

void linalgdForgetState(linalgd_handle *handle, int32_t slot) {
  free(handle->state[slot]);
  handle->state[slot] = NULL;
}

EXPORT void linalgd_reset(linalgd_handle *handle) {
  for (int32_t i = 0; i < linalgd_program.num_weights; ++i)
    linalgdForgetState(handle, i);
}

static void deleteView(DLManagedTensorVersioned *tensor) { free(tensor); }

EXPORT int linalgd_state(linalgd_handle *handle, const char *slot,
                         DLManagedTensorVersioned **state) {
  *state = NULL;
  int32_t i = linalgdFindSlot(slot);
  if (i < 0)
    return LINALGD_INVALID_ARGUMENT;
  const LinalgdWeight *weight = &linalgd_program.weights[i];
  if (!weight->is_state)
    return linalgdError(LINALGD_INVALID_ARGUMENT, "the model does not write slot '%s'", slot);
  if (!handle->weights[i])
    return linalgdError(LINALGD_UNBOUND_WEIGHT, "slot '%s' has no data: bind a tensor to it", slot);
  int status = linalgdHoldState(handle, i);
  if (status)
    return status;
  size_t rank = (size_t)weight->rank;
  DLManagedTensorVersioned *view = calloc(1, sizeof *view + 2 * rank * sizeof(int64_t));
  if (!view)
    return linalgdError(LINALGD_OUT_OF_MEMORY, "out of memory");
  int64_t *shape = (int64_t *)(view + 1), *strides = shape + rank, stride = 1;
  for (int32_t d = weight->rank - 1; d >= 0; --d) {
    shape[d] = weight->shape[d];
    strides[d] = stride;
    stride *= shape[d];
  }
  view->version.major = 1;
  view->deleter = deleteView;
  view->dl_tensor = (DLTensor){.data = handle->state[i],
                               .device = {kDLCPU, 0},
                               .ndim = weight->rank,
                               .dtype = {weight->code, weight->bits, 1},
                               .shape = shape,
                               .strides = strides};
  *state = view;
  return LINALGD_OK;
}
