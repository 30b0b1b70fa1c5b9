/* model(x): a buffer `count` grows by one, x by the new count, in place; returns count. */
#include "common.h"

static const DLDataType i64 = {kDLInt, 64, 1};
static const int64_t zero;

struct linalgd_handle {
  const int64_t *count;
};

EXPORT const char *linalgd_manifest(void) {
  return "{\"abi\": 1, \"entry\": \"main\","
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
  (*handle)->count = &zero;
  return LINALGD_OK;
}

EXPORT int linalgd_bind(linalgd_handle *handle, const char *slot,
                        DLManagedTensorVersioned *tensor) {
  handle->count = at(tensor);
  return LINALGD_OK;
}

EXPORT int linalgd_call(linalgd_handle *handle, const DLManagedTensorVersioned *const *inputs,
                        int32_t num_inputs, DLManagedTensorVersioned **outputs,
                        int32_t num_outputs) {
  const int64_t shape[] = {2}, count = *handle->count + 1;
  const int64_t *x = at(inputs[0]);
  for (int32_t i = 0; i < 2; ++i) {
    outputs[i] = make_output(i64, 0, NULL);
    *(int64_t *)outputs[i]->dl_tensor.data = count;
  }
  outputs[2] = make_output(i64, 1, shape);
  for (int32_t i = 0; i < 2; ++i)
    ((int64_t *)outputs[2]->dl_tensor.data)[i] = x[i] + count;
  return LINALGD_OK;
}

EXPORT void linalgd_close(linalgd_handle *handle) { free(handle); }
