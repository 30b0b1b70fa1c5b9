// The lowering of control flow, a part of LowerToLinalg.
#pragma once

#include "mlir/Transforms/DialectConversion.h"

namespace linalgd {

// torch.prim.If → scf.if, torch.prim.Loop → scf.while.
void populateLowerControlPatterns(const mlir::TypeConverter &types,
                                  mlir::RewritePatternSet &patterns);

} // namespace linalgd
