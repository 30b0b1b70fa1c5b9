/* Models as modules of the torch dialect, stage torch-raw (docs/architecture.md), for programs that
   use MLIR through its C API. What is wrong with a model is emitted as a diagnostic of the context.
 */
#ifndef LINALGD_C_IMPORT_H
#define LINALGD_C_IMPORT_H

#include "mlir-c/IR.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct LinalgdImportOptions {
  MlirStringRef entry; /* the function's name; empty: "main" */
  /* What a TorchScript module, which keeps no shapes, is called with, as `linalgc compile --input`
     takes it: "float32[1,3,?]", "mask:bool[batch]", … None for archives of torch.export. */
  intptr_t numInputs;
  const MlirStringRef *inputs;
  /* Non-zero: locations are lines of the model's Python source, not the ids of its nodes. */
  int pythonLocations;
  /* Which model of an archive that holds several; empty: the only one. */
  MlirStringRef modelName;
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
