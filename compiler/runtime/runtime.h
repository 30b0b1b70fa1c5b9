// The parts of the runtime that its own files share.
#pragma once

#include "executable.h"
#include "tables.h"

#include <setjmp.h>
#include <stdatomic.h>

// The header before each block that generated code allocates. Blocks of a running call are in a
// ring, so that a call that ends early leaves nothing behind.
typedef struct LinalgdBlock {
  struct LinalgdBlock *next, *previous;
  size_t size; // of the payload
  uint64_t unused[5];
} LinalgdBlock;

// A call under way. It takes its handle's spare blocks when it starts and leaves its own there when
// it ends, so that a model that is called again allocates nothing but its outputs.
typedef struct {
  linalgd_handle *handle;
  LinalgdBlock live;   // the ring's anchor
  LinalgdBlock *used;  // freed blocks of this call (a list by `next`)
  LinalgdBlock *spare; // blocks of an earlier call
  jmp_buf exit;
  int status;
} LinalgdCall;

struct linalgd_handle {
  const void **weights;             // by slot; NULL: unbound
  DLManagedTensorVersioned **bound; // by slot; NULL: nothing that the handle owns
  void **state;                     // by slot that the model writes: what it is now; NULL: as above
  _Atomic(LinalgdBlock *) spare;
};

// Sets the text of linalgd_last_error and returns the status.
int linalgdError(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

// executable.c: the number of a slot; -1 where there is none, with the error's text.
int32_t linalgdFindSlot(const char *slot);

// state.c: gives a slot that the model writes to memory of its own, or takes it away.
int linalgdHoldState(linalgd_handle *handle, int32_t slot);
void linalgdForgetState(linalgd_handle *handle, int32_t slot);

// symbols.c: the symbols that have a value.
typedef struct {
  int64_t *values;
  bool *known;
} LinalgdSymbolValues;
// Runs a postfix program. False: a symbol of it has no value, or it divides by zero or overflows.
bool linalgdEvaluate(const int64_t *code, const LinalgdSymbolValues *symbols, int64_t *result);
// Gives the one symbol without a value in a linear program the value that makes it `value`, rounded
// down. The symbol's index; -1 where there is none such.
int64_t linalgdSolve(const int64_t *code, int64_t value, LinalgdSymbolValues *symbols);

// checks.c
int linalgdCheckCpu(void);
int linalgdCheckWeight(const LinalgdWeight *weight, const DLManagedTensorVersioned *tensor);
// Checks every input against the signature.
int linalgdCheckInputs(const DLManagedTensorVersioned *const *inputs, int32_t count);
bool linalgdIsContiguous(const DLTensor *tensor);
int64_t linalgdNumElements(const DLTensor *tensor);

// memory.c
extern _Thread_local LinalgdCall *linalgdCurrentCall;
void linalgdStartCall(LinalgdCall *call, linalgd_handle *handle);
// Frees what the call left, or keeps it for the handle's next call.
void linalgdEndCall(LinalgdCall *call);
void linalgdFreeSpare(linalgd_handle *handle);
// Makes a block of the call outlive it; the caller frees it by linalgdFreeDetached.
void linalgdDetach(void *payload);
void linalgdFreeDetached(void *payload);
