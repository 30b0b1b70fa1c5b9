// Schemas of operators outside of PyTorch that TorchScript files call. Includes libtorch: private
// to this folder.
#pragma once

namespace linalgd {

// libtorch loads a file only if it knows the schema of every operator in it, and a file holds none.
// Makes those of torchvision known; they need no kernels to be imported.
void registerKnownOps();

} // namespace linalgd
