// Lists that grow by one tensor a round, in loops that run as often as the data says: a tensor with
// a row for each round, which is taken apart after the loop.
#include "compiler/dialect/op_schema.h"
#include "compiler/ops/assembly/assembly.h"
#include "compiler/ops/creation/creation.h"
#include "compiler/ops/view/view.h"
#include "compiler/passes/simplifier.h"

using namespace mlir;

namespace linalgd {

static bool writesInPlace(Operation *op) {
  const torch::OpSchema *schema = torch::lookupSchema(op->getName().getStringRef());
  return schema ? !schema->inPlaceOf.empty() || !schema->writes.empty()
                : torch::isInPlaceName(torch::getQualifiedName(op));
}

// What a round appends, where the list is empty before the loop and not used otherwise before its
// end.
static Operation *findAppend(torch::LoopOp loop, Operation *list) {
  Operation *append = nullptr;
  for (Operation *user : list->getUsers()) {
    bool isAppend = torch::getQualifiedName(user) == "aten.append.t" &&
                    user->getBlock() == &loop.getBody().front() &&
                    user->getOperand(0) == list->getResult(0) && user->use_empty();
    Operation *later = loop->getBlock()->findAncestorOpInBlock(*user);
    if (isAppend && !append)
      append = user;
    else if (!later || !loop->isBeforeInBlock(later))
      return nullptr;
  }
  return list->getNumOperands() ? nullptr : append;
}

// Whether a row may be a copy of the tensor: it is made in the round and not written to after that.
static bool isFresh(Operation *append) {
  for (Operation *op = append->getNextNode(); op; op = op->getNextNode())
    if (op->walk([](Operation *inner) {
            return writesInPlace(inner) ? WalkResult::interrupt() : WalkResult::advance();
          }).wasInterrupted())
      return false;
  Operation *maker = append->getOperand(1).getDefiningOp();
  while (maker && append->getBlock()->findAncestorOpInBlock(*maker)) {
    const torch::OpSchema *schema = torch::lookupSchema(maker->getName().getStringRef());
    if (!schema)
      return false;
    if (!schema->isView && schema->inPlaceOf.empty())
      return true;
    maker = maker->getOperand(0).getDefiningOp();
  }
  return false;
}

torch::LoopOp collectRows(torch::LoopOp loop, Operation *list, torch::BaseTensorType row) {
  Operation *append = findAppend(loop, list);
  bool isKnown =
      row.getDtype() && row.hasSizes() && !llvm::is_contained(row.getSizes(), ShapedType::kDynamic);
  if (!append || !isKnown || !isFresh(append))
    return nullptr;
  torch::TorchBuilder b(loop.getLoc(), loop);
  auto tensor = torch::NonValueTensorType::get(b.getContext(), false, ArrayRef<int64_t>(), Type());
  SmallVector<int64_t> sizes = {0};
  llvm::append_range(sizes, row.getSizes());
  Type none = torch::NonValueTensorType::get(b.getContext(), true, sizes, row.getDtype());
  Value no = b.constNone(), zero = b.constInt(0);
  Value nothing = torch::EmptyMemoryFormatOp::create(
      b, none, ValueRange{b.intList(sizes), b.constDtype(row.getDtype()), no, no, no, no});

  SmallVector<Value> inits(loop.getInits());
  SmallVector<Type> types(loop.getResultTypes());
  inits.push_back(nothing);
  types.push_back(tensor);
  auto collecting =
      torch::LoopOp::create(b, types, loop.getMaxTripCount(), loop.getInitialCondition(), inits);
  collecting.getBody().takeBody(loop.getBody());
  Block &body = collecting.getBody().front();
  Value rows = body.addArgument(tensor, b.getLoc());
  b.setInsertionPoint(append);
  Value last = torch::UnsqueezeOp::create(b, tensor, ValueRange{append->getOperand(1), zero});
  Value next = torch::CatOp::create(b, tensor, ValueRange{b.list({rows, last}, tensor), zero});
  append->erase();
  Operation *end = body.getTerminator();
  end->insertOperands(end->getNumOperands(), next);

  b.setInsertionPointAfter(collecting);
  Value all = collecting.getResults().back();
  list->getResult(0).replaceAllUsesWith(
      torch::UnbindIntOp::create(b, list->getResult(0).getType(), ValueRange{all, zero}));
  for (auto [old, result] : llvm::zip(loop.getResults(), collecting.getResults()))
    old.replaceAllUsesWith(result);
  loop.erase();
  return collecting;
}

} // namespace linalgd
