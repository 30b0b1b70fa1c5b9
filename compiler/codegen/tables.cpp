// The constant tables of an executable, laid out as compiler/runtime/tables.h declares them.
#include "compiler/codegen/llvm_module.h"
#include "compiler/codegen/passes.h"
#include "compiler/codegen/weights_object.h"

#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"

namespace linalgd {
namespace {

using namespace llvm;

class TableWriter {
public:
  explicit TableWriter(Module &module) : module_(module), context_(module.getContext()) {}

  PointerType *pointer() { return PointerType::getUnqual(context_); }
  Constant *null() { return ConstantPointerNull::get(pointer()); }
  Constant *i8(uint64_t value) { return ConstantInt::get(Type::getInt8Ty(context_), value); }
  Constant *i32(uint64_t value) { return ConstantInt::get(Type::getInt32Ty(context_), value); }
  Constant *i64(int64_t value) {
    return ConstantInt::get(Type::getInt64Ty(context_), static_cast<uint64_t>(value), true);
  }

  // A private constant; its address.
  Constant *place(Constant *value) {
    return new GlobalVariable(module_, value->getType(), /*isConstant=*/true,
                              GlobalValue::PrivateLinkage, value, "linalgd_table");
  }
  Constant *string(StringRef text) { return place(ConstantDataArray::getString(context_, text)); }
  Constant *record(ArrayRef<Constant *> fields) {
    return ConstantStruct::getAnon(context_, fields);
  }
  // An array of records of one type; NULL when it is empty.
  Constant *array(ArrayRef<Constant *> elements) {
    if (elements.empty())
      return null();
    auto *type = ArrayType::get(elements.front()->getType(), elements.size());
    return place(ConstantArray::get(type, elements));
  }
  Constant *words(ArrayRef<int64_t> values) {
    SmallVector<Constant *> constants;
    for (int64_t value : values)
      constants.push_back(i64(value));
    return array(constants);
  }

  Constant *dim(const Dim &dim) {
    return record({i64(dim.size), words(dim.expression), string(dim.text)});
  }

  Constant *tensors(ArrayRef<TensorSpec> specs) {
    SmallVector<Constant *> records;
    for (const TensorSpec &spec : specs) {
      SmallVector<Constant *> dims, value;
      for (const Dim &dim : spec.dims)
        dims.push_back(this->dim(dim));
      if (spec.value)
        value.push_back(dim(*spec.value));
      records.push_back(record({string(spec.name), i8(spec.code), i8(spec.bits), i8(spec.isState),
                                i32(spec.dims.size()), array(dims), array(value)}));
    }
    return array(records);
  }

  Constant *symbols(ArrayRef<Symbol> symbols) {
    SmallVector<Constant *> records;
    for (const Symbol &symbol : symbols)
      records.push_back(record({string(symbol.name), i64(symbol.min), i64(symbol.max)}));
    return array(records);
  }

  Constant *weights(ArrayRef<TensorSpec> slots, const std::map<std::string, uint64_t> &offsets) {
    auto *bytes = ArrayType::get(Type::getInt8Ty(context_), 0);
    GlobalVariable *base = nullptr;
    if (!offsets.empty()) {
      base = cast<GlobalVariable>(module_.getOrInsertGlobal(kWeightsSymbol, bytes));
      base->setConstant(true);
      base->setVisibility(GlobalValue::HiddenVisibility);
    }
    SmallVector<Constant *> records;
    for (const TensorSpec &slot : slots) {
      SmallVector<int64_t> shape;
      for (const Dim &dim : slot.dims)
        shape.push_back(dim.size);
      Constant *data = null();
      if (auto offset = offsets.find(slot.name); offset != offsets.end())
        data = ConstantExpr::getGetElementPtr(Type::getInt8Ty(context_), base,
                                              i64(static_cast<int64_t>(offset->second)));
      records.push_back(record({string(slot.name), i8(slot.code), i8(slot.bits), i8(slot.isState),
                                i32(shape.size()), words(shape), data}));
    }
    return array(records);
  }

  Constant *guards(ArrayRef<Guard> guards) {
    SmallVector<Constant *> records;
    for (const Guard &guard : guards)
      records.push_back(record({words(guard.expression), string(guard.text)}));
    return array(records);
  }

  Constant *features(const std::vector<CpuidBit> &bits) {
    SmallVector<Constant *> records;
    for (const CpuidBit &bit : bits)
      records.push_back(record(
          {string(bit.feature), i32(bit.leaf), i32(bit.subleaf), i32(bit.reg), i32(bit.bit)}));
    return array(records);
  }

  // void entry(void *const *arguments, int64_t *results): spreads the array over the arguments of
  // the model's C interface wrapper.
  Function *entry(size_t numInputs, size_t numOutputs) {
    Function *model = module_.getFunction(("_mlir_ciface_" + kEntryName).str());
    auto *type = FunctionType::get(Type::getVoidTy(context_), {pointer(), pointer()}, false);
    Function *function =
        Function::Create(type, GlobalValue::InternalLinkage, "linalgd_entry", module_);
    IRBuilder<> builder(BasicBlock::Create(context_, "", function));
    SmallVector<Value *> arguments;
    if (numOutputs > 0)
      arguments.push_back(function->getArg(1));
    for (size_t i = 0; i < numInputs; ++i)
      arguments.push_back(builder.CreateLoad(
          pointer(), builder.CreateConstGEP1_64(pointer(), function->getArg(0), i)));
    builder.CreateCall(model, arguments);
    builder.CreateRetVoid();
    return function;
  }

private:
  Module &module_;
  LLVMContext &context_;
};

} // namespace

void addTables(Module &module, const Signature &signature, const CodegenOptions &options,
               const std::string &manifest, const std::map<std::string, uint64_t> &weightOffsets) {
  TableWriter writer(module);
  std::vector<CpuidBit> features = requiredCpuid(options.target);
  Constant *program = writer.record(
      {writer.string(manifest), writer.string(options.target.str()), writer.i32(features.size()),
       writer.i32(signature.symbols.size()), writer.i32(signature.inputs.size()),
       writer.i32(signature.outputs.size()), writer.i32(signature.slots.size()),
       writer.i32(signature.guards.size()),
       writer.i64(static_cast<int64_t>(requiredXcr0(options.target))), writer.features(features),
       writer.symbols(signature.symbols), writer.tensors(signature.inputs),
       writer.tensors(signature.outputs), writer.weights(signature.slots, weightOffsets),
       writer.guards(signature.guards),
       writer.entry(signature.inputs.size(), signature.outputs.size())});
  auto *global =
      cast<GlobalVariable>(module.getOrInsertGlobal("linalgd_program", program->getType()));
  global->setConstant(true);
  global->setInitializer(program);
  global->setVisibility(GlobalValue::HiddenVisibility);
}

} // namespace linalgd
