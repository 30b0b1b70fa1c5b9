// The types' text: printed as it was parsed, nested types without their prefix.
// RUN: linalgd-opt %s | FileCheck %s --match-full-lines
// RUN: linalgd-opt %s | linalgd-opt | FileCheck %s --match-full-lines

// CHECK:         func.func private @tensors(!torch.vtensor<[2,3],f32>, !torch.tensor<[2,3],f32>)
func.func private @tensors(!torch.vtensor<[2,3],f32>, !torch.tensor<[2,3],f32>)
// CHECK-NEXT:    func.func private @scalars(!torch.vtensor<[],si64>, !torch.tensor<[],i1>)
func.func private @scalars(!torch.vtensor<[],si64>, !torch.tensor<[],i1>)
// CHECK-NEXT:    func.func private @partly_known(!torch.vtensor<[?,0],unk>, !torch.vtensor<*,bf16>, !torch.tensor)
func.func private @partly_known(!torch.vtensor<[?,0],unk>, !torch.vtensor<*,bf16>, !torch.tensor)
// Nothing known has one spelling.
// CHECK-NEXT:    func.func private @unknown(!torch.vtensor)
func.func private @unknown(!torch.vtensor<*,unk>)
// CHECK-NEXT:    func.func private @dtypes(!torch.vtensor<[1],ui8>, !torch.vtensor<[1],si16>, !torch.vtensor<[1],complex<f32>>)
func.func private @dtypes(!torch.vtensor<[1],ui8>, !torch.vtensor<[1],si16>, !torch.vtensor<[1],complex<f32>>)
// CHECK-NEXT:    func.func private @lists(!torch.list<vtensor<[2],f32>>, !torch.list<list<int>>, !torch.list<optional<tensor>>)
func.func private @lists(!torch.list<vtensor<[2],f32>>, !torch.list<!torch.list<int>>, !torch.list<optional<tensor>>)
// CHECK-NEXT:    func.func private @products(!torch.tuple<>, !torch.tuple<int, tensor<[2],f32>>, !torch.union<float, none>)
func.func private @products(!torch.tuple<>, !torch.tuple<int, tensor<[2],f32>>, !torch.union<float, none>)
// CHECK-NEXT:    func.func private @named(!torch.dict<str, vtensor>, !torch.nn.Module<"a.\22B\22">)
func.func private @named(!torch.dict<str, vtensor>, !torch.nn.Module<"a.\22B\22">)
// CHECK-NEXT:    func.func private @others(!torch.bool, !torch.number, !torch.Device, !torch.Generator, !torch.any)
func.func private @others(!torch.bool, !torch.number, !torch.Device, !torch.Generator, !torch.any)
