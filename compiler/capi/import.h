/* Models as modules of the torch dialect, stage torch-raw (docs/architecture.md), for programs that
   use MLIR through its C API. What is wrong with a model is emitted as a diagnostic of the context.
 */
#ifndef LINALGD_C_IMPORT_H
#define LINALGD_C_IMPORT_H

#include "mlir-c/IR.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An input of a TorchScript module, which keeps no shapes. */
typedef struct LinalgdInput {
  MlirStringRef dtype; /* "float32", "int64", "bool", … */
  intptr_t rank;
  const int64_t *sizes; /* -1: dynamic */
} LinalgdInput;

typedef struct LinalgdImportOptions {
  MlirStringRef entry; /* the function's name; empty: "main" */
  intptr_t numInputs;  /* 0 for archives of torch.export */
  const LinalgdInput *inputs;
  /* Non-zero: locations are lines of the model's Python source, not the ids of its nodes. */
  int pythonLocations;
} LinalgdImportOptions;

/* Imports a .pt2 archive or a TorchScript file; options may be null. The module is null after an
   error, else the caller's. The dialect is loaded where it is not. Weights are `dense_resource`s
   over the file's bytes, which stay mapped for as long as the context lives. Loading TorchScript
   runs code of the model: only do it with models that you trust, or in a process that may fail. */
MlirModule linalgdImportFile(MlirContext context, MlirStringRef path,
                             const LinalgdImportOptions *options);
/* The same from memory, which is copied. */
MlirModule linalgdImportBuffer(MlirContext context, const void *bytes, size_t size,
                               const LinalgdImportOptions *options);

#ifdef __cplusplus
}
#endif

#endif
