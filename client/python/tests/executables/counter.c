/* model(x): a buffer `count` grows by one, x by the new count, in place; returns count. */
#define HAS_STATE
#include "common.h"

static const DLDataType i64 = {kDLInt, 64, 1};

struct linalgd_handle {
  int64_t first, count;
};

EXPORT const char *linalgd_manifest(void) {
  return "{\"abi\": 2, \"entry\": \"main\","
         "\"inputs\": [{\"name\": \"x\", \"kind\": \"tensor\", \"dtype\": \"int64\", \"shape\": "
         "[2]}],"
         "\"outputs\": [{\"kind\": \"tensor\", \"dtype\": \"int64\", \"shape\": []}],"
         "\"state\": [{\"slot\": \"count\", \"input\": null, \"dtype\": \"int64\", \"shape\": []},"
         "{\"slot\": null, \"input\": 0, \"dtype\": \"int64\", \"shape\": [2]}],"
         "\"symbols\": {}, \"in_spec\": \"\", \"out_spec\": \"\","
         "\"slots\": [{\"slot\": \"count\", \"dtype\": \"int64\", \"shape\": [], \"embedded\": "
         "true}]}";
}

EXPORT int linalgd_open(linalgd_handle **handle) {
  *handle = calloc(1, sizeof **handle);
  return LINALGD_OK;
}

EXPORT void linalgd_reset(linalgd_handle *handle) { handle->count = handle->first; }

EXPORT int linalgd_bind(linalgd_handle *handle, const char *slot,
                        DLManagedTensorVersioned *tensor) {
  handle->first = *(const int64_t *)at(tensor);
  linalgd_reset(handle);
  return LINALGD_OK;
}

EXPORT int linalgd_state(linalgd_handle *handle, const char *slot,
                         DLManagedTensorVersioned **state) {
  *state = make_output(i64, 0, NULL);
  *(int64_t *)(*state)->dl_tensor.data = handle->count;
  return LINALGD_OK;
}

EXPORT int linalgd_call(linalgd_handle *handle, const DLManagedTensorVersioned *const *inputs,
                        int32_t num_inputs, DLManagedTensorVersioned **outputs,
                        int32_t num_outputs) {
  int64_t *x = at(inputs[0]), count = ++handle->count;
  if (inputs[0]->flags & DLPACK_FLAG_BITMASK_READ_ONLY)
    return fail(LINALGD_INVALID_ARGUMENT, "input 'x' is read-only");
  for (int32_t i = 0; i < 2; ++i)
    x[i] += count;
  outputs[0] = make_output(i64, 0, NULL);
  *(int64_t *)outputs[0]->dl_tensor.data = count;
  return LINALGD_OK;
}

EXPORT void linalgd_close(linalgd_handle *handle) { free(handle); }
