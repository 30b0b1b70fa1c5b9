/* What the hand-written executables of the tests share: output tensors and the last error. */
#include "executable.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static _Thread_local const char *last_error = "";
/* Outputs that were made and not freed yet. */
static int alive;

EXPORT int test_alive(void) { return alive; }
EXPORT int32_t linalgd_abi_version(void) { return LINALGD_ABI_VERSION; }
EXPORT const char *linalgd_last_error(void) { return last_error; }

static int fail(int status, const char *text) {
  last_error = text;
  return status;
}

static void delete_output(DLManagedTensorVersioned *self) {
  free(self->dl_tensor.data);
  free(self->dl_tensor.shape);
  free(self);
  --alive;
}

static DLManagedTensorVersioned *make_output(DLDataType dtype, int32_t rank, const int64_t *shape) {
  DLManagedTensorVersioned *out = calloc(1, sizeof *out);
  int64_t bytes = dtype.bits / 8;
  out->version.major = 1;
  out->deleter = delete_output;
  out->dl_tensor.device.device_type = kDLCPU;
  out->dl_tensor.ndim = rank;
  out->dl_tensor.dtype = dtype;
  out->dl_tensor.shape = malloc(sizeof(int64_t) * (rank + 1));
  for (int32_t i = 0; i < rank; ++i) {
    out->dl_tensor.shape[i] = shape[i];
    bytes *= shape[i];
  }
  out->dl_tensor.data = bytes ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
  ++alive;
  return out;
}

static void *at(const DLManagedTensorVersioned *tensor) {
  return (char *)tensor->dl_tensor.data + tensor->dl_tensor.byte_offset;
}

#ifndef HAS_STATE
EXPORT void linalgd_reset(linalgd_handle *handle) { (void)handle; }
EXPORT int linalgd_state(linalgd_handle *handle, const char *slot,
                         DLManagedTensorVersioned **state) {
  (void)handle, (void)slot, (void)state;
  return fail(LINALGD_INVALID_ARGUMENT, "the model has no state");
}
#endif
