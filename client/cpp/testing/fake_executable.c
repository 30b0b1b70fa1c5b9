/* An executable by hand: y = x * scale for x: float32[n, 2], with the slot "scale": float32[2] that
 * must be bound. Model error for n = 7. */
#include "compiler/runtime/executable.h"

#include <stdlib.h>
#include <string.h>

struct linalgd_handle {
  DLManagedTensorVersioned *scale;
};

static __thread const char *last_error = "";

static int fail(int code, const char *why) {
  last_error = why;
  return code;
}

int32_t linalgd_abi_version(void) { return LINALGD_ABI_VERSION; }

const char *linalgd_manifest(void) {
  return "{\"abi\": 1, \"producer\": \"test\", \"key\": \"k\", \"target\": \"t\", \"weights\": "
         "\"external\", \"entry\": \"main\", \"inputs\": ["
         "{\"name\": \"x\", \"kind\": \"tensor\", \"dtype\": \"float32\", \"shape\": [\"s0\", 2]},"
         "{\"name\": \"flag\", \"kind\": \"constant\", \"value\": null}], \"outputs\": ["
         "{\"kind\": \"tensor\", \"dtype\": \"float32\", \"shape\": [\"s0\", 2]}], \"state\": [],"
         "\"symbols\": {\"s0\": {\"min\": 1, \"max\": null}}, \"slots\": [{\"slot\": \"scale\", "
         "\"dtype\": \"float32\", \"shape\": [2], \"embedded\": false}]}";
}

int linalgd_open(linalgd_handle **handle) {
  *handle = calloc(1, sizeof(linalgd_handle));
  return LINALGD_OK;
}

static void release(linalgd_handle *handle) {
  if (handle->scale && handle->scale->deleter)
    handle->scale->deleter(handle->scale);
}

int linalgd_bind(linalgd_handle *handle, const char *slot, DLManagedTensorVersioned *tensor) {
  if (strcmp(slot, "scale") != 0)
    return fail(LINALGD_INVALID_ARGUMENT, "there is no such slot");
  if (tensor->dl_tensor.ndim != 1 || tensor->dl_tensor.shape[0] != 2)
    return fail(LINALGD_INVALID_ARGUMENT, "slot 'scale' takes float32 [2]");
  release(handle);
  handle->scale = tensor;
  return LINALGD_OK;
}

static void delete_output(DLManagedTensorVersioned *self) {
  free(self->dl_tensor.shape);
  free(self->dl_tensor.data);
  free(self);
}

int linalgd_call(linalgd_handle *handle, const DLManagedTensorVersioned *const *inputs,
                 int32_t num_inputs, DLManagedTensorVersioned **outputs, int32_t num_outputs) {
  if (num_inputs != 1 || num_outputs != 1)
    return fail(LINALGD_INVALID_ARGUMENT, "one input, one output");
  int64_t n = inputs[0]->dl_tensor.shape[0];
  if (n == 7)
    return fail(LINALGD_MODEL_ERROR, "n is 7");
  const float *x = inputs[0]->dl_tensor.data, *scale = handle->scale->dl_tensor.data;
  DLManagedTensorVersioned *out = calloc(1, sizeof *out);
  out->version.major = 1;
  out->deleter = delete_output;
  out->dl_tensor = inputs[0]->dl_tensor;
  out->dl_tensor.strides = NULL;
  out->dl_tensor.shape = malloc(2 * sizeof(int64_t));
  out->dl_tensor.shape[0] = n;
  out->dl_tensor.shape[1] = 2;
  float *y = out->dl_tensor.data = malloc((size_t)n * 2 * sizeof(float));
  for (int64_t i = 0; i < 2 * n; ++i)
    y[i] = x[i] * scale[i % 2];
  outputs[0] = out;
  return LINALGD_OK;
}

int linalgd_state(linalgd_handle *handle, const char *slot, DLManagedTensorVersioned **state) {
  (void)handle, (void)slot, (void)state;
  return fail(LINALGD_INVALID_ARGUMENT, "the model has no state");
}

void linalgd_reset(linalgd_handle *handle) { (void)handle; }

void linalgd_close(linalgd_handle *handle) {
  if (handle)
    release(handle);
  free(handle);
}

const char *linalgd_last_error(void) { return last_error; }
