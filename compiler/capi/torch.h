/* The torch dialect for programs that use MLIR through its C API: registration, types, passes. What
   is passed in is borrowed, what comes out belongs to its context. */
#ifndef LINALGD_C_TORCH_H
#define LINALGD_C_TORCH_H

#include "mlir-c/IR.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* For mlirDialectHandleInsertDialect and its siblings. */
MlirDialectHandle linalgdGetTorchDialectHandle(void);
/* Loads the dialect, and those that it depends on, into a context. */
void linalgdRegisterTorchDialect(MlirContext context);
/* Makes linalgd's passes over the dialect known to textual pipelines (docs/embedding.md). */
void linalgdRegisterTorchPasses(void);

typedef enum LinalgdTorchTypeKind {
  LinalgdTorchTypeNone, /* not a type of the dialect, or one without a kind of its own */
  LinalgdTorchTypeValueTensor,
  LinalgdTorchTypeNonValueTensor,
  LinalgdTorchTypeInt,
  LinalgdTorchTypeFloat,
  LinalgdTorchTypeBool,
  LinalgdTorchTypeNumber,
  LinalgdTorchTypeString,
  LinalgdTorchTypeNoneType,
  LinalgdTorchTypeDevice,
  LinalgdTorchTypeGenerator,
  LinalgdTorchTypeAny,
  LinalgdTorchTypeList,
  LinalgdTorchTypeOptional,
  LinalgdTorchTypeTuple,
  LinalgdTorchTypeUnion,
  LinalgdTorchTypeDict,
  LinalgdTorchTypeModule
} LinalgdTorchTypeKind;

LinalgdTorchTypeKind linalgdTorchTypeGetKind(MlirType type);

/* A type without parameters: Int … Any. Null for any other kind. */
MlirType linalgdTorchTypeGet(MlirContext context, LinalgdTorchTypeKind kind);
/* A type of others: List and Optional of one, Dict of key and value, Tuple and Union of any number.
   Null where kind or number do not fit. */
MlirType linalgdTorchContainerTypeGet(MlirContext context, LinalgdTorchTypeKind kind,
                                      intptr_t numContained, const MlirType *contained);
intptr_t linalgdTorchTypeGetNumContained(MlirType type);
MlirType linalgdTorchTypeGetContained(MlirType type, intptr_t index);

/* A tensor type. rank -1: unknown, then `sizes` may be null. A size of
   mlirShapedTypeGetDynamicSize(): unknown. dtype null: unknown; integers carry their sign (si64,
   ui8), i1 is bool. */
MlirType linalgdTorchTensorTypeGet(MlirContext context, LinalgdTorchTypeKind kind, intptr_t rank,
                                   const int64_t *sizes, MlirType dtype);
/* Of a tensor type. */
intptr_t linalgdTorchTensorTypeGetRank(MlirType type); /* -1: unknown */
int64_t linalgdTorchTensorTypeGetSize(MlirType type, intptr_t dimension);
MlirType linalgdTorchTensorTypeGetDtype(MlirType type); /* null: unknown */

#ifdef __cplusplus
}
#endif

#endif
