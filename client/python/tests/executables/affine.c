/* model(x, flag, scale=n): {"y": w * x + n, "n": n, "same": x, "nothing": None}, with w outside. */
#include "common.h"

static const DLDataType f32 = {kDLFloat, 32, 1}, i64 = {kDLInt, 64, 1};

struct linalgd_handle {
  DLManagedTensorVersioned *w;
};

EXPORT const char *linalgd_manifest(void) {
#define QUOTED_LEAF "{\\\"type\\\": null, \\\"context\\\": null, \\\"children_spec\\\": []}"
  return "{\"abi\": 1, \"entry\": \"main\", \"key\": \"abcdef\", \"weights\": \"external\","
         "\"inputs\": [{\"name\": \"x\", \"kind\": \"tensor\", \"dtype\": \"float32\", \"shape\": "
         "[\"s0\", 3]}, {\"name\": \"flag\", \"kind\": \"constant\", \"value\": true},"
         "{\"name\": \"scale\", \"kind\": \"int\"}],"
         "\"outputs\": [{\"kind\": \"tensor\", \"dtype\": \"float32\", \"shape\": [\"s0\", 3]},"
         "{\"kind\": \"int\"}, {\"kind\": \"input\", \"index\": 0},"
         "{\"kind\": \"constant\", \"value\": null}],"
         "\"symbols\": {\"s0\": {\"min\": 0, \"max\": null}}, \"state\": [],"
         "\"slots\": [{\"slot\": \"w\", \"dtype\": \"float32\", \"shape\": [3], \"embedded\": "
         "false}],"
         "\"in_spec\": \"[1, {\\\"type\\\": \\\"builtins.tuple\\\", \\\"context\\\": \\\"null\\\", "
         "\\\"children_spec\\\": [{\\\"type\\\": \\\"builtins.tuple\\\", \\\"context\\\": "
         "\\\"null\\\", "
         "\\\"children_spec\\\": [" QUOTED_LEAF ", " QUOTED_LEAF "]}, {\\\"type\\\": "
         "\\\"builtins.dict\\\", \\\"context\\\": \\\"[\\\\\\\"scale\\\\\\\"]\\\", "
         "\\\"children_spec\\\": [" QUOTED_LEAF "]}]}]\","
         "\"out_spec\": \"[1, {\\\"type\\\": \\\"builtins.dict\\\", \\\"context\\\": "
         "\\\"[\\\\\\\"y\\\\\\\", \\\\\\\"n\\\\\\\", \\\\\\\"same\\\\\\\", "
         "\\\\\\\"nothing\\\\\\\"]\\\", "
         "\\\"children_spec\\\": [" QUOTED_LEAF ", " QUOTED_LEAF ", " QUOTED_LEAF ", " QUOTED_LEAF
         "]}]\"}";
}

EXPORT int linalgd_open(linalgd_handle **handle) {
  *handle = calloc(1, sizeof **handle);
  return LINALGD_OK;
}

EXPORT int linalgd_bind(linalgd_handle *handle, const char *slot,
                        DLManagedTensorVersioned *tensor) {
  if (tensor->dl_tensor.ndim != 1 || tensor->dl_tensor.shape[0] != 3)
    return fail(LINALGD_INVALID_ARGUMENT, "slot 'w' needs the shape [3]");
  handle->w = tensor;
  return LINALGD_OK;
}

EXPORT int linalgd_call(linalgd_handle *handle, const DLManagedTensorVersioned *const *inputs,
                        int32_t num_inputs, DLManagedTensorVersioned **outputs,
                        int32_t num_outputs) {
  if (!handle->w)
    return fail(LINALGD_UNBOUND_WEIGHT, "the weight 'w' is not bound");
  if (num_inputs != 2 || num_outputs != 2)
    return fail(LINALGD_INVALID_ARGUMENT, "wrong counts");
  const DLTensor *x = &inputs[0]->dl_tensor;
  if (x->ndim != 2 || x->shape[1] != 3)
    return fail(LINALGD_INVALID_ARGUMENT, "input 'x' needs the shape [s0, 3]");
  const int64_t n = *(const int64_t *)at(inputs[1]);
  if (n < 0)
    return fail(LINALGD_MODEL_ERROR, "scale is negative");
  outputs[0] = make_output(f32, 2, x->shape);
  const float *w = at(handle->w), *in = at(inputs[0]);
  float *y = outputs[0]->dl_tensor.data;
  for (int64_t i = 0; i < x->shape[0]; ++i)
    for (int64_t j = 0; j < 3; ++j)
      y[3 * i + j] = w[j] * in[i * x->strides[0] + j * x->strides[1]] + n;
  outputs[1] = make_output(i64, 0, NULL);
  *(int64_t *)outputs[1]->dl_tensor.data = n;
  return LINALGD_OK;
}

EXPORT void linalgd_close(linalgd_handle *handle) { free(handle); }
