// Loads and runs executables. Needs no server, no MLIR and no gRPC.
#pragma once

#include "linalgd/signature.h"
#include "linalgd/tensor.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <memory>
#include <string>
#include <vector>

namespace linalgd::client {

// A model in a shared library. `call` may run on several threads at once, but where the manifest
// has state: then calls must take turns. `bind` and `reset` not beside others.
class Executable {
public:
  // `weights`: a safetensors file for the slots that are not embedded. Empty: the file beside the
  // library of the same stem, where there is one. Slots that no file has are left to `bind`.
  // Errors: NotFound, InvalidArgument (not an executable of linalgd, another ABI, weights of the
  // wrong shape), FailedPrecondition (the processor lacks what the target needs).
  static absl::StatusOr<Executable> load(const std::string &path, const std::string &weights = "");

  Executable(Executable &&) noexcept;
  Executable &operator=(Executable &&) noexcept;
  ~Executable();

  const Manifest &manifest() const;
  // Slots that still need a tensor.
  const std::vector<std::string> &unboundSlots() const;

  // Gives a slot its tensor, contiguous and exactly of the slot's dtype and shape.
  absl::Status bind(const std::string &slot, Tensor tensor);
  // Binds every slot that the file has and that is not embedded.
  absl::Status bindSafetensors(const std::string &path);

  // `inputs`: one tensor for each input that is not a constant; those that the manifest's state
  // names are updated in place. The answer: one for each output that is a tensor, int, float or
  // bool. Outputs keep the library loaded. Errors: InvalidArgument, FailedPrecondition (unbound
  // slots), Internal (a check inside the model failed), ResourceExhausted (memory).
  absl::StatusOr<std::vector<Tensor>> call(const std::vector<Tensor> &inputs) const;

  // A buffer that the model writes, in place: later calls write it, and see what is written to it.
  // Valid until `reset`, a `bind` of the slot, or the executable's end.
  absl::StatusOr<Tensor> state(const std::string &slot) const;
  // Brings all of them back to where the model began.
  void reset();

private:
  struct Library;
  explicit Executable(std::unique_ptr<Library> library);

  std::unique_ptr<Library> library_;
};

} // namespace linalgd::client

namespace linalgd {
using client::Executable;
} // namespace linalgd
