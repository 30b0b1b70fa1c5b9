/* The C API from C: types of the torch dialect, and an import from memory that fails as it should.
 */
#include "linalgd-c/import.h"
#include "linalgd-c/torch.h"

#include "mlir-c/BuiltinTypes.h"
#include "mlir-c/Diagnostics.h"

#include <stdio.h>
#include <string.h>

static void print(MlirStringRef text, void *unused) {
  (void)unused;
  fwrite(text.data, 1, text.length, stdout);
}

static MlirLogicalResult onDiagnostic(MlirDiagnostic diagnostic, void *unused) {
  fputs("error: ", stdout);
  mlirDiagnosticPrint(diagnostic, print, unused);
  fputs("\n", stdout);
  return mlirLogicalResultSuccess();
}

int main(void) {
  MlirContext context = mlirContextCreate();
  mlirDialectHandleRegisterDialect(linalgdGetTorchDialectHandle(), context);
  linalgdRegisterTorchDialect(context);

  int64_t sizes[] = {2, mlirShapedTypeGetDynamicSize()};
  MlirType tensor = linalgdTorchTensorTypeGet(context, LinalgdTorchTypeValueTensor, 2, sizes,
                                              mlirF32TypeGet(context));
  MlirType list = linalgdTorchContainerTypeGet(context, LinalgdTorchTypeList, 1, &tensor);
  mlirTypePrint(list, print, NULL);
  MlirType element = linalgdTorchTypeGetContained(list, 0);
  printf("\nkind %d, rank %d, first size %d, dtype f32 %d\n",
         linalgdTorchTypeGetKind(element) == LinalgdTorchTypeValueTensor,
         (int)linalgdTorchTensorTypeGetRank(element),
         (int)linalgdTorchTensorTypeGetSize(element, 0),
         mlirTypeIsAF32(linalgdTorchTensorTypeGetDtype(element)));
  MlirType parsed =
      mlirTypeParseGet(context, mlirStringRefCreateFromCString("!torch.optional<int>"));
  printf("optional of int %d\n", mlirTypeEqual(linalgdTorchTypeGetContained(parsed, 0),
                                               linalgdTorchTypeGet(context, LinalgdTorchTypeInt)));

  mlirContextAttachDiagnosticHandler(context, onDiagnostic, NULL, NULL);
  const char *text = "not a model";
  MlirModule module = linalgdImportBuffer(context, text, strlen(text), NULL);
  printf("module %d\n", !mlirModuleIsNull(module));
  mlirContextDestroy(context);
  return 0;
}
