// The C ABI of an executable: a model compiled by linalgd into one shared library. Open the library
// with dlopen, look these functions up, and call them. It needs nothing but the C library.
//
// Thread safety: every function may be called from any thread. One handle may run several calls at
// once, but for a model with state (an entry in the manifest's "state"), whose calls must take
// turns. linalgd_bind, linalgd_reset and linalgd_close must not run beside other uses of the same
// handle.
//
// Keep the library loaded (no dlclose) while a handle or an output tensor of it is alive.
#pragma once

#ifdef __cplusplus
#include <cstdint>
#else
#include <stdint.h>
#endif

#include "dlpack.h"

// C's own style of names. NOLINTBEGIN(readability-identifier-naming)
#ifdef __cplusplus
extern "C" {
#endif

// What linalgd_abi_version() returns for the functions below. It grows when one of them changes in
// a way that breaks callers; functions that are added do not raise it.
#define LINALGD_ABI_VERSION 2

// What the functions return: 0, or why not.
enum {
  LINALGD_OK = 0,
  LINALGD_INVALID_ARGUMENT = 1, // an input or argument does not fit the signature
  LINALGD_UNSUPPORTED_CPU = 2,  // the processor lacks an instruction set of the target
  LINALGD_UNBOUND_WEIGHT = 3,   // a slot without data was not bound
  LINALGD_MODEL_ERROR = 4,      // a check inside the model failed (an index out of range, …)
  LINALGD_OUT_OF_MEMORY = 5
};

typedef struct linalgd_handle linalgd_handle;

int32_t linalgd_abi_version(void);

// The library's manifest: a JSON object, valid as long as the library is loaded. It is the model's
// signature ("inputs", "outputs", "state", "symbols", "slots", "in_spec", "out_spec", "entry") with
//   "abi": 2, "producer": "linalgd 0.1.0", "key": "<the artifact's key>",
//   "target": "triple:cpu:features", "weights": "embed"|"external",
// and in each of "slots" a boolean "embedded"; a slot that is not must be bound before a call.
const char *linalgd_manifest(void);

// Checks that the processor has what the target needs and makes a handle. On failure *handle is
// NULL.
int linalgd_open(linalgd_handle **handle);

// Gives a slot its tensor: dtype and shape exactly the slot's, contiguous, CPU. An embedded slot
// may be bound too, which replaces its data. On success the handle owns the tensor and calls its
// deleter (where there is one) at linalgd_close or at the next bind of the slot; on failure the
// caller still owns it. The data is used in place and must not change during a call. Of a slot that
// the model writes it is where the model begins: the data itself is not written.
int linalgd_bind(linalgd_handle *handle, const char *slot, DLManagedTensorVersioned *tensor);

// Runs the model.
//
// inputs: one tensor for each entry of the manifest's "inputs" whose kind is not "constant", in
// order; the kinds int, float and bool are tensors of rank 0 and dtype int64, float64 and bool.
// They are borrowed for the call and never deleted. Any strides are taken (what is not contiguous
// or not aligned to its element size is copied). Inputs are only read, but for those that the
// manifest's "state" names: these are updated in place, and must not be read-only.
//
// outputs: an array of num_outputs pointers, filled with one tensor for each entry of "outputs" of
// kind tensor, int, float or bool, in order ("constant" and "input" entries have none). Outputs are
// contiguous, 64-byte aligned and share no memory with anything; their deleter frees them. On
// failure all of them are NULL.
//
// Slots that "state" names are buffers that the model writes: each has memory of the handle's own,
// filled with its data before the first call, which a call updates in place, where the next one
// finds it. A call that fails with LINALGD_MODEL_ERROR may have written some of the state already.
int linalgd_call(linalgd_handle *handle, const DLManagedTensorVersioned *const *inputs,
                 int32_t num_inputs, DLManagedTensorVersioned **outputs, int32_t num_outputs);

// The present value of a buffer that the model writes, in place: *state sees what later calls
// write, and what is written there, calls see. It is valid until linalgd_close, linalgd_reset or a
// bind of the slot; its deleter frees the description alone.
int linalgd_state(linalgd_handle *handle, const char *slot, DLManagedTensorVersioned **state);

// Brings all buffers that the model writes back to where it began: to the data of their slots.
void linalgd_reset(linalgd_handle *handle);

// Frees the handle and what was bound to it. Outputs live on. NULL is nothing.
void linalgd_close(linalgd_handle *handle);

// Why the last call on this thread to a function above that failed did so: one sentence that names
// the input, dimension or slot. Valid until the next call on this thread; "" where none has failed.
const char *linalgd_last_error(void);

#ifdef __cplusplus
}
#endif
// NOLINTEND(readability-identifier-naming)
