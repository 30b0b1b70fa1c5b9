#include "compiler/import/mlir/slots.h"
#include "compiler/dialect/torch.h"
#include "compiler/dialect/type_rules.h"
#include "compiler/import/graph.h"
#include "compiler/import/text.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace linalgd {

std::optional<DType> dtypeOfElement(mlir::Type element) {
  if (auto integer = dyn_cast<IntegerType>(element);
      integer && integer.isSignless() && integer.getWidth() > 1)
    element = IntegerType::get(element.getContext(), integer.getWidth(), IntegerType::Signed);
  std::optional<int64_t> code = torch::scalarKindFromDtype(element);
  return code ? dtypeFromScalarType(*code) : std::nullopt;
}

namespace {

class SlotFinder {
public:
  explicit SlotFinder(MlirModel &model) : model_(model), context_(model.module->getContext()) {}

  LogicalResult run() {
    WalkResult walked = model_.module->walk([&](Operation *op) {
      for (NamedAttribute attribute : op->getAttrs()) {
        auto elements = dyn_cast<ElementsAttr>(attribute.getValue());
        if (elements && failed(visit(op, attribute.getName(), elements)))
          return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(walked.wasInterrupted());
  }

private:
  static bool isConstant(Operation *op) {
    return isa<arith::ConstantOp, torch::TensorLiteralOp, torch::ValueTensorLiteralOp>(op);
  }

  LogicalResult visit(Operation *op, StringAttr name, ElementsAttr elements) {
    auto resource = dyn_cast<DenseResourceElementsAttr>(elements);
    if (resource && !isConstant(op))
      return op->emitError() << "a dense_resource stands in '" << op->getName()
                             << "'; weights are constants";
    if (resource)
      return addResource(op, resource);
    auto dense = dyn_cast<DenseElementsAttr>(elements);
    if (!dense || !isConstant(op) || dense.isSplat())
      return success();
    std::optional<DType> dtype = dtypeOfElement(dense.getElementType());
    uint64_t bytes = dtype ? static_cast<uint64_t>(dense.getNumElements()) * dtypeBytes(*dtype) : 0;
    if (bytes <= kMaxInlinedBytes)
      return success();
    DenseResourceElementsAttr &lifted = literals_[dense];
    if (!lifted)
      lifted = lift(dense, *dtype);
    op->setAttr(name, lifted);
    return addResource(op, lifted);
  }

  // The literal's data as a resource. The attribute has it as long as the context lives.
  DenseResourceElementsAttr lift(DenseElementsAttr dense, DType dtype) {
    AsmResourceBlob blob;
    ArrayRef<char> data = dense.getRawData();
    if (dtype == DType::Bool) {
      SmallVector<char> bytes;
      for (bool value : dense.getValues<bool>())
        bytes.push_back(value ? 1 : 0);
      blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 1, false);
    } else {
      blob = UnmanagedAsmResourceBlob::allocateWithAlign(data, dtypeBytes(dtype));
    }
    // A name that is taken gets a suffix.
    auto &manager = DenseResourceElementsHandle::getManagerInterface(context_);
    std::string name = concat("literal_", literals_.size() - 1);
    return DenseResourceElementsAttr::get(dense.getType(), manager.insert(name, std::move(blob)));
  }

  LogicalResult addResource(Operation *op, DenseResourceElementsAttr resource) {
    std::string slot = resource.getRawHandle().getKey().str();
    auto [known, isNew] = types_.try_emplace(slot, resource.getType());
    if (!isNew) {
      if (known->second == resource.getType())
        return success();
      return op->emitError() << "the resource '" << slot << "' is used as " << known->second
                             << " and as " << resource.getType();
    }
    std::optional<DType> dtype = dtypeOfElement(resource.getElementType());
    if (!dtype)
      return op->emitError() << "the resource '" << slot << "' has elements of type "
                             << resource.getElementType() << ", which PyTorch does not have";
    MlirWeight weight;
    weight.slot = slot;
    weight.dtype = *dtype;
    weight.shape = resource.getType().getShape().vec();
    if (const AsmResourceBlob *blob = resource.getRawHandle().getBlob()) {
      ArrayRef<char> data = blob->getData();
      uint64_t expected =
          static_cast<uint64_t>(resource.getNumElements()) * dtypeBytes(weight.dtype);
      if (data.size() != expected)
        return op->emitError() << "the resource '" << slot << "' has " << data.size() << " bytes; "
                               << resource.getType() << " takes " << expected;
      weight.bound = true;
      weight.data = {data.data(), data.size()};
      place(weight);
    }
    model_.weights.push_back(std::move(weight));
    return success();
  }

  void place(MlirWeight &weight) {
    std::string_view whole = model_.bytes->bytes();
    const char *data = weight.data.data();
    weight.inModel = std::less_equal<>()(whole.data(), data) &&
                     std::less_equal<>()(data + weight.data.size(), whole.data() + whole.size());
    if (weight.inModel) {
      weight.offset = static_cast<uint64_t>(data - whole.data());
      return;
    }
    weight.offset = extracted_;
    extracted_ +=
        (weight.data.size() + kExtractedAlignment - 1) / kExtractedAlignment * kExtractedAlignment;
  }

  MlirModel &model_;
  MLIRContext *context_;
  llvm::MapVector<Attribute, DenseResourceElementsAttr> literals_;
  llvm::StringMap<ShapedType> types_;
  uint64_t extracted_ = 0;
};

} // namespace

LogicalResult findSlots(MlirModel &model) {
  if (failed(SlotFinder(model).run()))
    return failure();
  if (std::string bytes = extractedWeights(model); !bytes.empty())
    model.extracted = sha256(bytes);
  return success();
}

std::string extractedWeights(const MlirModel &model) {
  std::string bytes;
  for (const MlirWeight &weight : model.weights) {
    if (!weight.bound || weight.inModel || weight.data.empty())
      continue;
    bytes.resize(weight.offset, '\0');
    bytes += weight.data;
  }
  return bytes;
}

CanonicalText canonicalWeights(const MlirModel &model) {
  CanonicalText text;
  for (const MlirWeight &weight : model.weights)
    text.push_back(
        {concat(escaped(weight.slot), ": ", weight.bound ? sha256(weight.data).hex() : "no data"),
         ""});
  return text;
}

} // namespace linalgd
