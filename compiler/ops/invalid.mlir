// Operands that contradict each other are errors of type inference: never wrong code, nor code that
// reads out of bounds.
// RUN: linalgd-opt %s --linalgd-infer-types --split-input-file --verify-diagnostics

// -----
func.func @softmax_dim(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 2
  %c1 = torch.constant.none
  // expected-error @+2 {{has a dimension out of range: 2 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.softmax.int %a0, %c0, %c1 : !torch.vtensor<[2,3],f32>, !torch.int, !torch.none -> !torch.vtensor
  return
}
// -----
func.func @softmax_dtype(%a0: !torch.vtensor<[2,3],si64>) {
  %c0 = torch.constant.int 1
  %c1 = torch.constant.none
  // expected-error @+2 {{self must be of a floating-point dtype}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.softmax.int %a0, %c0, %c1 : !torch.vtensor<[2,3],si64>, !torch.int, !torch.none -> !torch.vtensor
  return
}
// -----
func.func @attention_rank(%a0: !torch.vtensor<[4],f32>, %a1: !torch.vtensor<[4],f32>, %a2: !torch.vtensor<[4],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.float 0.00000000000000000e+00
  %c2 = torch.constant.bool false
  %c3 = torch.constant.none
  %c4 = torch.constant.bool false
  // expected-error @+2 {{query, key and value must have 2 or more dimensions, and has sizes [4]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.scaled_dot_product_attention %a0, %a1, %a2, %c0, %c1, %c2, %c3, %c4 : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @sum_dim(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int -3
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  %c3 = torch.constant.bool false
  %c4 = torch.constant.none
  // expected-error @+2 {{has a dimension out of range: -3 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.sum.dim_IntList %a0, %c2, %c3, %c4 : !torch.vtensor<[2,3],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor
  return
}
// -----
func.func @sum_twice(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 1
  %c1 = torch.constant.int -1
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  %c3 = torch.constant.bool false
  %c4 = torch.constant.none
  // expected-error @+2 {{names dimension 1 twice}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.sum.dim_IntList %a0, %c2, %c3, %c4 : !torch.vtensor<[2,3],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor
  return
}
// -----
func.func @argmax_dim(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 2
  %c1 = torch.constant.bool false
  // expected-error @+2 {{has a dimension out of range: 2 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.argmax %a0, %c0, %c1 : !torch.vtensor<[2,3],f32>, !torch.int, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @max_dim(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 2
  %c1 = torch.constant.bool false
  // expected-error @+2 {{has a dimension out of range: 2 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0:2 = torch.aten.max.dim %a0, %c0, %c1 : !torch.vtensor<[2,3],f32>, !torch.int, !torch.bool -> !torch.vtensor, !torch.vtensor
  return
}
// -----
func.func @scalar_dim(%a0: !torch.vtensor<[],f32>) {
  %c0 = torch.constant.int 1
  %c1 = torch.prim.ListConstruct %c0 : (!torch.int) -> !torch.list<int>
  %c2 = torch.constant.bool false
  // expected-error @+2 {{has a dimension out of range: 1 of 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.amax %a0, %c1, %c2 : !torch.vtensor<[],f32>, !torch.list<int>, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @cumsum_dim(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int -3
  %c1 = torch.constant.none
  // expected-error @+2 {{has a dimension out of range: -3 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.cumsum %a0, %c0, %c1 : !torch.vtensor<[2,3],f32>, !torch.int, !torch.none -> !torch.vtensor
  return
}
// -----
func.func @var_dim(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 2
  %c1 = torch.prim.ListConstruct %c0 : (!torch.int) -> !torch.list<int>
  %c2 = torch.constant.none
  %c3 = torch.constant.bool false
  // expected-error @+2 {{has a dimension out of range: 2 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.var.correction %a0, %c1, %c2, %c3 : !torch.vtensor<[2,3],f32>, !torch.list<int>, !torch.none, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @glu_dim(%a0: !torch.vtensor<[2,4],f32>) {
  %c0 = torch.constant.int 2
  // expected-error @+2 {{has a dimension out of range: 2 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.glu %a0, %c0 : !torch.vtensor<[2,4],f32>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @glu_odd(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 1
  // expected-error @+2 {{halves a dimension of odd size}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.glu %a0, %c0 : !torch.vtensor<[2,3],f32>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @prelu_size(%a0: !torch.vtensor<[2,3,4],f32>, %a1: !torch.vtensor<[4],f32>) {
  // expected-error @+2 {{the weight has sizes [4], which must be [3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.prelu %a0, %a1 : !torch.vtensor<[2,3,4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor
  return
}
// -----
func.func @prelu_rank(%a0: !torch.vtensor<[2,3,4],f32>, %a1: !torch.vtensor<[3,1],f32>) {
  // expected-error @+2 {{the weight must have 0 to 1 dimensions, and has sizes [3, 1]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.prelu %a0, %a1 : !torch.vtensor<[2,3,4],f32>, !torch.vtensor<[3,1],f32> -> !torch.vtensor
  return
}
// -----
func.func @prelu_kernel(%a0: !torch.vtensor<[2,3],f32>, %a1: !torch.vtensor<[4],f32>) {
  // expected-error @+2 {{sizes 3 and 4 of dimension 1 do not broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten._prelu_kernel %a0, %a1 : !torch.vtensor<[2,3],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor
  return
}
// -----
func.func @add(%a0: !torch.vtensor<[2,3],f32>, %a1: !torch.vtensor<[4,3],f32>) {
  %c0 = torch.constant.int 1
  // expected-error @+2 {{sizes 2 and 4 of dimension 0 do not broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.add.Tensor %a0, %a1, %c0 : !torch.vtensor<[2,3],f32>, !torch.vtensor<[4,3],f32>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @where(%a0: !torch.vtensor<[2,3],i1>, %a1: !torch.vtensor<[2,3],f32>, %a2: !torch.vtensor<[2,4],f32>) {
  // expected-error @+2 {{sizes 3 and 4 of dimension 1 do not broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.where.self %a0, %a1, %a2 : !torch.vtensor<[2,3],i1>, !torch.vtensor<[2,3],f32>, !torch.vtensor<[2,4],f32> -> !torch.vtensor
  return
}
// -----
func.func @masked_fill(%a0: !torch.vtensor<[2,3],f32>, %a1: !torch.vtensor<[2,2],i1>) {
  %c0 = torch.constant.float 5.00000000000000000e-01
  // expected-error @+2 {{sizes 3 and 2 of dimension 1 do not broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.masked_fill.Scalar %a0, %a1, %c0 : !torch.vtensor<[2,3],f32>, !torch.vtensor<[2,2],i1>, !torch.float -> !torch.vtensor
  return
}
// -----
func.func @cross_entropy_batch(%a0: !torch.vtensor<[2,5],f32>, %a1: !torch.vtensor<[3],si64>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int -100
  %c3 = torch.constant.float 0.00000000000000000e+00
  // expected-error @+2 {{the target has sizes [3], which must be [2]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.cross_entropy_loss %a0, %a1, %c0, %c1, %c2, %c3 : !torch.vtensor<[2,5],f32>, !torch.vtensor<[3],si64>, !torch.none, !torch.int, !torch.int, !torch.float -> !torch.vtensor
  return
}
// -----
func.func @cross_entropy_image(%a0: !torch.vtensor<[2,5,4,4],f32>, %a1: !torch.vtensor<[2,4,3],si64>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int -100
  %c3 = torch.constant.float 0.00000000000000000e+00
  // expected-error @+2 {{the target has sizes [2, 4, 3], which must be [2, 4, 4]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.cross_entropy_loss %a0, %a1, %c0, %c1, %c2, %c3 : !torch.vtensor<[2,5,4,4],f32>, !torch.vtensor<[2,4,3],si64>, !torch.none, !torch.int, !torch.int, !torch.float -> !torch.vtensor
  return
}
// -----
func.func @cross_entropy_probabilities(%a0: !torch.vtensor<[2,5],f32>, %a1: !torch.vtensor<[2,4],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int -100
  %c3 = torch.constant.float 0.00000000000000000e+00
  // expected-error @+2 {{the target has sizes [2, 4], which must be [2, 5]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.cross_entropy_loss %a0, %a1, %c0, %c1, %c2, %c3 : !torch.vtensor<[2,5],f32>, !torch.vtensor<[2,4],f32>, !torch.none, !torch.int, !torch.int, !torch.float -> !torch.vtensor
  return
}
// -----
func.func @cross_entropy_dtype(%a0: !torch.vtensor<[2,5],f32>, %a1: !torch.vtensor<[2],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int -100
  %c3 = torch.constant.float 0.00000000000000000e+00
  // expected-error @+2 {{the target must be of an integer dtype}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.cross_entropy_loss %a0, %a1, %c0, %c1, %c2, %c3 : !torch.vtensor<[2,5],f32>, !torch.vtensor<[2],f32>, !torch.none, !torch.int, !torch.int, !torch.float -> !torch.vtensor
  return
}
// -----
func.func @nll_weight(%a0: !torch.vtensor<[2,5],f32>, %a1: !torch.vtensor<[2],si64>, %a2: !torch.vtensor<[2],f32>) {
  %c0 = torch.constant.int 1
  %c1 = torch.constant.int -100
  // expected-error @+2 {{the weight has sizes [2], which must be [5]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.nll_loss_nd %a0, %a1, %a2, %c0, %c1 : !torch.vtensor<[2,5],f32>, !torch.vtensor<[2],si64>, !torch.vtensor<[2],f32>, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @mse(%a0: !torch.vtensor<[2,5],f32>, %a1: !torch.vtensor<[3,5],f32>) {
  %c0 = torch.constant.int 1
  // expected-error @+2 {{sizes 2 and 3 of dimension 0 do not broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.mse_loss %a0, %a1, %c0 : !torch.vtensor<[2,5],f32>, !torch.vtensor<[3,5],f32>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @embedding_dtype(%a0: !torch.vtensor<[10,4],f32>, %a1: !torch.vtensor<[2],f32>) {
  %c0 = torch.constant.int -1
  %c1 = torch.constant.bool false
  %c2 = torch.constant.bool false
  // expected-error @+2 {{indices must be of an integer dtype}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.embedding %a0, %a1, %c0, %c1, %c2 : !torch.vtensor<[10,4],f32>, !torch.vtensor<[2],f32>, !torch.int, !torch.bool, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @embedding_weight(%a0: !torch.vtensor<[10],f32>, %a1: !torch.vtensor<[2],si64>) {
  %c0 = torch.constant.int -1
  %c1 = torch.constant.bool false
  %c2 = torch.constant.bool false
  // expected-error @+2 {{the weight must have 2 dimensions, and has sizes [10]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.embedding %a0, %a1, %c0, %c1, %c2 : !torch.vtensor<[10],f32>, !torch.vtensor<[2],si64>, !torch.int, !torch.bool, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @embedding_empty(%a0: !torch.vtensor<[0,4],f32>, %a1: !torch.vtensor<[2],si64>) {
  %c0 = torch.constant.int -1
  %c1 = torch.constant.bool false
  %c2 = torch.constant.bool false
  // expected-error @+2 {{reads from dimension 0, which has no elements}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.embedding %a0, %a1, %c0, %c1, %c2 : !torch.vtensor<[0,4],f32>, !torch.vtensor<[2],si64>, !torch.int, !torch.bool, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @index_select_rank(%a0: !torch.vtensor<[10,4],f32>, %a1: !torch.vtensor<[2,2],si64>) {
  %c0 = torch.constant.int 0
  // expected-error @+2 {{the index must have 0 to 1 dimensions, and has sizes [2, 2]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.index_select %a0, %c0, %a1 : !torch.vtensor<[10,4],f32>, !torch.int, !torch.vtensor<[2,2],si64> -> !torch.vtensor
  return
}
// -----
func.func @index_select_dim(%a0: !torch.vtensor<[10,4],f32>, %a1: !torch.vtensor<[2],si64>) {
  %c0 = torch.constant.int 2
  // expected-error @+2 {{has a dimension out of range: 2 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.index_select %a0, %c0, %a1 : !torch.vtensor<[10,4],f32>, !torch.int, !torch.vtensor<[2],si64> -> !torch.vtensor
  return
}
// -----
func.func @gather_rank(%a0: !torch.vtensor<[3,4],f32>, %a1: !torch.vtensor<[3],si64>) {
  %c0 = torch.constant.int 1
  %c1 = torch.constant.bool false
  // expected-error @+2 {{an index of sizes [3] does not fit in self, of sizes [3, 4]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.gather %a0, %c0, %a1, %c1 : !torch.vtensor<[3,4],f32>, !torch.int, !torch.vtensor<[3],si64>, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @gather_size(%a0: !torch.vtensor<[3,4],f32>, %a1: !torch.vtensor<[4,2],si64>) {
  %c0 = torch.constant.int 1
  %c1 = torch.constant.bool false
  // expected-error @+2 {{an index of sizes [4, 2] does not fit in self, of sizes [3, 4]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.gather %a0, %c0, %a1, %c1 : !torch.vtensor<[3,4],f32>, !torch.int, !torch.vtensor<[4,2],si64>, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @gather_dtype(%a0: !torch.vtensor<[3,4],f32>, %a1: !torch.vtensor<[3,2],f32>) {
  %c0 = torch.constant.int 1
  %c1 = torch.constant.bool false
  // expected-error @+2 {{the index must be of an integer dtype}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.gather %a0, %c0, %a1, %c1 : !torch.vtensor<[3,4],f32>, !torch.int, !torch.vtensor<[3,2],f32>, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @index_dtype(%a0: !torch.vtensor<[3,4],f32>, %a1: !torch.vtensor<[2],f32>) {
  %c0 = torch.prim.ListConstruct %a1 : (!torch.vtensor<[2],f32>) -> !torch.list<vtensor<[2],f32>>
  // expected-error @+2 {{has an index that is of no integer dtype}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.index.Tensor %a0, %c0 : !torch.vtensor<[3,4],f32>, !torch.list<vtensor<[2],f32>> -> !torch.vtensor
  return
}
// -----
func.func @index_broadcast(%a0: !torch.vtensor<[3,4],f32>, %a1: !torch.vtensor<[2],si64>, %a2: !torch.vtensor<[3],si64>) {
  %c0 = torch.prim.ListConstruct %a1, %a2 : (!torch.vtensor<[2],si64>, !torch.vtensor<[3],si64>) -> !torch.list<vtensor>
  // expected-error @+2 {{sizes 2 and 3 of dimension 0 do not broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.index.Tensor %a0, %c0 : !torch.vtensor<[3,4],f32>, !torch.list<vtensor> -> !torch.vtensor
  return
}
// -----
func.func @index_count(%a0: !torch.vtensor<[3],f32>, %a1: !torch.vtensor<[2],si64>, %a2: !torch.vtensor<[2],si64>) {
  %c0 = torch.prim.ListConstruct %a1, %a2 : (!torch.vtensor<[2],si64>, !torch.vtensor<[2],si64>) -> !torch.list<vtensor<[2],si64>>
  // expected-error @+2 {{has 2 indices for 1 dimensions}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.index.Tensor %a0, %c0 : !torch.vtensor<[3],f32>, !torch.list<vtensor<[2],si64>> -> !torch.vtensor
  return
}
// -----
func.func @conv_rank(%a0: !torch.vtensor<[3,8],f32>, %a1: !torch.vtensor<[4,3,3,3],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int 1
  %c3 = torch.prim.ListConstruct %c1, %c2 : (!torch.int, !torch.int) -> !torch.list<int>
  %c4 = torch.constant.int 0
  %c5 = torch.constant.int 0
  %c6 = torch.prim.ListConstruct %c4, %c5 : (!torch.int, !torch.int) -> !torch.list<int>
  %c7 = torch.constant.int 1
  %c8 = torch.constant.int 1
  %c9 = torch.prim.ListConstruct %c7, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %c10 = torch.constant.int 1
  // expected-error @+2 {{an input of sizes [3, 8] does not go with a weight of sizes [4, 3, 3, 3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.conv2d %a0, %a1, %c0, %c3, %c6, %c9, %c10 : !torch.vtensor<[3,8],f32>, !torch.vtensor<[4,3,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @conv_channels(%a0: !torch.vtensor<[1,4,8,8],f32>, %a1: !torch.vtensor<[4,3,3,3],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int 1
  %c3 = torch.prim.ListConstruct %c1, %c2 : (!torch.int, !torch.int) -> !torch.list<int>
  %c4 = torch.constant.int 0
  %c5 = torch.constant.int 0
  %c6 = torch.prim.ListConstruct %c4, %c5 : (!torch.int, !torch.int) -> !torch.list<int>
  %c7 = torch.constant.int 1
  %c8 = torch.constant.int 1
  %c9 = torch.prim.ListConstruct %c7, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %c10 = torch.constant.int 1
  // expected-error @+2 {{has an input of 4 channels, and a weight of sizes [4, 3, 3, 3] for 3}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.conv2d %a0, %a1, %c0, %c3, %c6, %c9, %c10 : !torch.vtensor<[1,4,8,8],f32>, !torch.vtensor<[4,3,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @conv_groups(%a0: !torch.vtensor<[1,4,8,8],f32>, %a1: !torch.vtensor<[3,2,3,3],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int 1
  %c3 = torch.prim.ListConstruct %c1, %c2 : (!torch.int, !torch.int) -> !torch.list<int>
  %c4 = torch.constant.int 0
  %c5 = torch.constant.int 0
  %c6 = torch.prim.ListConstruct %c4, %c5 : (!torch.int, !torch.int) -> !torch.list<int>
  %c7 = torch.constant.int 1
  %c8 = torch.constant.int 1
  %c9 = torch.prim.ListConstruct %c7, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %c10 = torch.constant.int 2
  // expected-error @+2 {{a weight of sizes [3, 2, 3, 3] cannot be divided into 2 groups}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.conv2d %a0, %a1, %c0, %c3, %c6, %c9, %c10 : !torch.vtensor<[1,4,8,8],f32>, !torch.vtensor<[3,2,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @conv_bias(%a0: !torch.vtensor<[1,3,8,8],f32>, %a1: !torch.vtensor<[4,3,3,3],f32>, %a2: !torch.vtensor<[3],f32>) {
  %c0 = torch.constant.int 1
  %c1 = torch.constant.int 1
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  %c3 = torch.constant.int 0
  %c4 = torch.constant.int 0
  %c5 = torch.prim.ListConstruct %c3, %c4 : (!torch.int, !torch.int) -> !torch.list<int>
  %c6 = torch.constant.int 1
  %c7 = torch.constant.int 1
  %c8 = torch.prim.ListConstruct %c6, %c7 : (!torch.int, !torch.int) -> !torch.list<int>
  %c9 = torch.constant.int 1
  // expected-error @+2 {{the bias has sizes [3], which must be [4]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.conv2d %a0, %a1, %a2, %c2, %c5, %c8, %c9 : !torch.vtensor<[1,3,8,8],f32>, !torch.vtensor<[4,3,3,3],f32>, !torch.vtensor<[3],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @conv_dtype(%a0: !torch.vtensor<[1,3,8,8],f32>, %a1: !torch.vtensor<[4,3,3,3],f64>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int 1
  %c3 = torch.prim.ListConstruct %c1, %c2 : (!torch.int, !torch.int) -> !torch.list<int>
  %c4 = torch.constant.int 0
  %c5 = torch.constant.int 0
  %c6 = torch.prim.ListConstruct %c4, %c5 : (!torch.int, !torch.int) -> !torch.list<int>
  %c7 = torch.constant.int 1
  %c8 = torch.constant.int 1
  %c9 = torch.prim.ListConstruct %c7, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %c10 = torch.constant.int 1
  // expected-error @+2 {{has operands of different dtypes}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.conv2d %a0, %a1, %c0, %c3, %c6, %c9, %c10 : !torch.vtensor<[1,3,8,8],f32>, !torch.vtensor<[4,3,3,3],f64>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @conv_stride(%a0: !torch.vtensor<[1,3,8,8],f32>, %a1: !torch.vtensor<[4,3,3,3],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 0
  %c2 = torch.constant.int 1
  %c3 = torch.prim.ListConstruct %c1, %c2 : (!torch.int, !torch.int) -> !torch.list<int>
  %c4 = torch.constant.int 0
  %c5 = torch.constant.int 0
  %c6 = torch.prim.ListConstruct %c4, %c5 : (!torch.int, !torch.int) -> !torch.list<int>
  %c7 = torch.constant.int 1
  %c8 = torch.constant.int 1
  %c9 = torch.prim.ListConstruct %c7, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %c10 = torch.constant.int 1
  // expected-error @+2 {{stride, dilation and groups must be positive}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.conv2d %a0, %a1, %c0, %c3, %c6, %c9, %c10 : !torch.vtensor<[1,3,8,8],f32>, !torch.vtensor<[4,3,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @conv_padding(%a0: !torch.vtensor<[1,3,8,8],f32>, %a1: !torch.vtensor<[4,3,3,3],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int 1
  %c3 = torch.prim.ListConstruct %c1, %c2 : (!torch.int, !torch.int) -> !torch.list<int>
  %c4 = torch.constant.int -1
  %c5 = torch.constant.int 0
  %c6 = torch.prim.ListConstruct %c4, %c5 : (!torch.int, !torch.int) -> !torch.list<int>
  %c7 = torch.constant.int 1
  %c8 = torch.constant.int 1
  %c9 = torch.prim.ListConstruct %c7, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %c10 = torch.constant.int 1
  // expected-error @+2 {{padding must not be negative}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.conv2d %a0, %a1, %c0, %c3, %c6, %c9, %c10 : !torch.vtensor<[1,3,8,8],f32>, !torch.vtensor<[4,3,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @conv_kernel(%a0: !torch.vtensor<[1,3,2,8],f32>, %a1: !torch.vtensor<[4,3,3,3],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int 1
  %c3 = torch.prim.ListConstruct %c1, %c2 : (!torch.int, !torch.int) -> !torch.list<int>
  %c4 = torch.constant.int 0
  %c5 = torch.constant.int 0
  %c6 = torch.prim.ListConstruct %c4, %c5 : (!torch.int, !torch.int) -> !torch.list<int>
  %c7 = torch.constant.int 1
  %c8 = torch.constant.int 1
  %c9 = torch.prim.ListConstruct %c7, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %c10 = torch.constant.int 1
  // expected-error @+2 {{the kernel is larger than the padded input}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.conv2d %a0, %a1, %c0, %c3, %c6, %c9, %c10 : !torch.vtensor<[1,3,2,8],f32>, !torch.vtensor<[4,3,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @conv_transpose_channels(%a0: !torch.vtensor<[1,4,8,8],f32>, %a1: !torch.vtensor<[3,4,3,3],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int 1
  %c3 = torch.prim.ListConstruct %c1, %c2 : (!torch.int, !torch.int) -> !torch.list<int>
  %c4 = torch.constant.int 0
  %c5 = torch.constant.int 0
  %c6 = torch.prim.ListConstruct %c4, %c5 : (!torch.int, !torch.int) -> !torch.list<int>
  %c7 = torch.constant.int 0
  %c8 = torch.constant.int 0
  %c9 = torch.prim.ListConstruct %c7, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %c10 = torch.constant.int 1
  %c11 = torch.constant.int 1
  %c12 = torch.constant.int 1
  %c13 = torch.prim.ListConstruct %c11, %c12 : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{has an input of 4 channels, and a weight of sizes [3, 4, 3, 3] for 3}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.conv_transpose2d.input %a0, %a1, %c0, %c3, %c6, %c9, %c10, %c13 : !torch.vtensor<[1,4,8,8],f32>, !torch.vtensor<[3,4,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @conv_transpose_output_padding(%a0: !torch.vtensor<[1,4,8,8],f32>, %a1: !torch.vtensor<[4,4,3,3],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int 1
  %c3 = torch.prim.ListConstruct %c1, %c2 : (!torch.int, !torch.int) -> !torch.list<int>
  %c4 = torch.constant.int 0
  %c5 = torch.constant.int 0
  %c6 = torch.prim.ListConstruct %c4, %c5 : (!torch.int, !torch.int) -> !torch.list<int>
  %c7 = torch.constant.int 1
  %c8 = torch.constant.int 1
  %c9 = torch.prim.ListConstruct %c7, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %c10 = torch.constant.int 1
  %c11 = torch.constant.int 1
  %c12 = torch.constant.int 1
  %c13 = torch.prim.ListConstruct %c11, %c12 : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{output padding must be less than stride or dilation}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.conv_transpose2d.input %a0, %a1, %c0, %c3, %c6, %c9, %c10, %c13 : !torch.vtensor<[1,4,8,8],f32>, !torch.vtensor<[4,4,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @pool_window(%a0: !torch.vtensor<[1,1,2,8],f32>) {
  %c0 = torch.constant.int 3
  %c1 = torch.constant.int 3
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  %c3 = torch.prim.ListConstruct  : () -> !torch.list<int>
  %c4 = torch.constant.int 0
  %c5 = torch.constant.int 0
  %c6 = torch.prim.ListConstruct %c4, %c5 : (!torch.int, !torch.int) -> !torch.list<int>
  %c7 = torch.constant.int 1
  %c8 = torch.constant.int 1
  %c9 = torch.prim.ListConstruct %c7, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %c10 = torch.constant.bool false
  // expected-error @+2 {{has a window larger than the padded input, of size 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.max_pool2d %a0, %c2, %c3, %c6, %c9, %c10 : !torch.vtensor<[1,1,2,8],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @pool_stride(%a0: !torch.vtensor<[1,1,8,8],f32>) {
  %c0 = torch.constant.int 3
  %c1 = torch.constant.int 3
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  %c3 = torch.constant.int 0
  %c4 = torch.constant.int 1
  %c5 = torch.prim.ListConstruct %c3, %c4 : (!torch.int, !torch.int) -> !torch.list<int>
  %c6 = torch.constant.int 0
  %c7 = torch.constant.int 0
  %c8 = torch.prim.ListConstruct %c6, %c7 : (!torch.int, !torch.int) -> !torch.list<int>
  %c9 = torch.constant.bool false
  %c10 = torch.constant.bool true
  %c11 = torch.constant.none
  // expected-error @+2 {{kernel size, stride and dilation must be positive}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.avg_pool2d %a0, %c2, %c5, %c8, %c9, %c10, %c11 : !torch.vtensor<[1,1,8,8],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.bool, !torch.none -> !torch.vtensor
  return
}
// -----
func.func @pool_padding(%a0: !torch.vtensor<[1,1,8,8],f32>) {
  %c0 = torch.constant.int 3
  %c1 = torch.constant.int 3
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  %c3 = torch.constant.int 1
  %c4 = torch.constant.int 1
  %c5 = torch.prim.ListConstruct %c3, %c4 : (!torch.int, !torch.int) -> !torch.list<int>
  %c6 = torch.constant.int 2
  %c7 = torch.constant.int 2
  %c8 = torch.prim.ListConstruct %c6, %c7 : (!torch.int, !torch.int) -> !torch.list<int>
  %c9 = torch.constant.int 1
  %c10 = torch.constant.int 1
  %c11 = torch.prim.ListConstruct %c9, %c10 : (!torch.int, !torch.int) -> !torch.list<int>
  %c12 = torch.constant.bool false
  // expected-error @+2 {{padding must be at most half of the kernel}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.max_pool2d %a0, %c2, %c5, %c8, %c11, %c12 : !torch.vtensor<[1,1,8,8],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @pool_rank(%a0: !torch.vtensor<[8,8],f32>) {
  %c0 = torch.constant.int 3
  %c1 = torch.constant.int 3
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  %c3 = torch.prim.ListConstruct  : () -> !torch.list<int>
  %c4 = torch.constant.int 0
  %c5 = torch.constant.int 0
  %c6 = torch.prim.ListConstruct %c4, %c5 : (!torch.int, !torch.int) -> !torch.list<int>
  %c7 = torch.constant.int 1
  %c8 = torch.constant.int 1
  %c9 = torch.prim.ListConstruct %c7, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %c10 = torch.constant.bool false
  // expected-error @+2 {{self must have 3 to 4 dimensions, and has sizes [8, 8]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.max_pool2d %a0, %c2, %c3, %c6, %c9, %c10 : !torch.vtensor<[8,8],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @adaptive_sizes(%a0: !torch.vtensor<[1,1,8,8],f32>) {
  %c0 = torch.constant.int 3
  %c1 = torch.prim.ListConstruct %c0 : (!torch.int) -> !torch.list<int>
  // expected-error @+2 {{needs 2 output sizes}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.adaptive_avg_pool2d %a0, %c1 : !torch.vtensor<[1,1,8,8],f32>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @adaptive_empty(%a0: !torch.vtensor<[1,1,0,8],f32>) {
  %c0 = torch.constant.int 3
  %c1 = torch.constant.int 3
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{has an input without elements}}
  // expected-error @+1 {{failed to infer returned types}}
  %0:2 = torch.aten.adaptive_max_pool2d %a0, %c2 : !torch.vtensor<[1,1,0,8],f32>, !torch.list<int> -> !torch.vtensor, !torch.vtensor
  return
}
// -----
func.func @layer_norm_shape(%a0: !torch.vtensor<[2,5],f32>, %a1: !torch.vtensor<[4],f32>, %a2: !torch.vtensor<[4],f32>) {
  %c0 = torch.constant.int 4
  %c1 = torch.prim.ListConstruct %c0 : (!torch.int) -> !torch.list<int>
  %c2 = torch.constant.float 1.00000000000000008e-05
  %c3 = torch.constant.bool true
  // expected-error @+2 {{normalizes [4], which an input of sizes [2, 5] does not end with}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.layer_norm %a0, %c1, %a1, %a2, %c2, %c3 : !torch.vtensor<[2,5],f32>, !torch.list<int>, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.float, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @layer_norm_weight(%a0: !torch.vtensor<[2,5],f32>, %a1: !torch.vtensor<[1],f32>) {
  %c0 = torch.constant.int 5
  %c1 = torch.prim.ListConstruct %c0 : (!torch.int) -> !torch.list<int>
  %c2 = torch.constant.none
  %c3 = torch.constant.float 1.00000000000000008e-05
  %c4 = torch.constant.bool true
  // expected-error @+2 {{a parameter has sizes [1], which must be [5]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.layer_norm %a0, %c1, %a1, %c2, %c3, %c4 : !torch.vtensor<[2,5],f32>, !torch.list<int>, !torch.vtensor<[1],f32>, !torch.none, !torch.float, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @rms_norm_weight(%a0: !torch.vtensor<[2,5],f32>, %a1: !torch.vtensor<[2,5],f32>) {
  %c0 = torch.constant.int 5
  %c1 = torch.prim.ListConstruct %c0 : (!torch.int) -> !torch.list<int>
  %c2 = torch.constant.none
  // expected-error @+2 {{a parameter has sizes [2, 5], which must be [5]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.rms_norm %a0, %c1, %a1, %c2 : !torch.vtensor<[2,5],f32>, !torch.list<int>, !torch.vtensor<[2,5],f32>, !torch.none -> !torch.vtensor
  return
}
// -----
func.func @batch_norm_rank(%a0: !torch.vtensor<[3],f32>, %a1: !torch.vtensor<[3],f32>, %a2: !torch.vtensor<[3],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.none
  %c2 = torch.constant.bool false
  %c3 = torch.constant.float 1.00000000000000006e-01
  %c4 = torch.constant.float 1.00000000000000008e-05
  %c5 = torch.constant.bool true
  // expected-error @+2 {{the input must have 2 or more dimensions, and has sizes [3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.batch_norm %a0, %c0, %c1, %a1, %a2, %c2, %c3, %c4, %c5 : !torch.vtensor<[3],f32>, !torch.none, !torch.none, !torch.vtensor<[3],f32>, !torch.vtensor<[3],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @batch_norm_statistics(%a0: !torch.vtensor<[2,3,4],f32>, %a1: !torch.vtensor<[1],f32>, %a2: !torch.vtensor<[3],f32>) {
  %c0 = torch.constant.none
  %c1 = torch.constant.none
  %c2 = torch.constant.bool false
  %c3 = torch.constant.float 1.00000000000000006e-01
  %c4 = torch.constant.float 1.00000000000000008e-05
  %c5 = torch.constant.bool true
  // expected-error @+2 {{a parameter has sizes [1], which must be [3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.batch_norm %a0, %c0, %c1, %a1, %a2, %c2, %c3, %c4, %c5 : !torch.vtensor<[2,3,4],f32>, !torch.none, !torch.none, !torch.vtensor<[1],f32>, !torch.vtensor<[3],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @group_norm_groups(%a0: !torch.vtensor<[2,6,4],f32>) {
  %c0 = torch.constant.int 4
  %c1 = torch.constant.none
  %c2 = torch.constant.none
  %c3 = torch.constant.float 1.00000000000000008e-05
  %c4 = torch.constant.bool true
  // expected-error @+2 {{cannot divide the channels into 4 groups}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.group_norm %a0, %c0, %c1, %c2, %c3, %c4 : !torch.vtensor<[2,6,4],f32>, !torch.int, !torch.none, !torch.none, !torch.float, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @group_norm_bias(%a0: !torch.vtensor<[2,6,4],f32>, %a1: !torch.vtensor<[4],f32>) {
  %c0 = torch.constant.int 3
  %c1 = torch.constant.none
  %c2 = torch.constant.float 1.00000000000000008e-05
  %c3 = torch.constant.bool true
  // expected-error @+2 {{a parameter has sizes [4], which must be [6]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.group_norm %a0, %c0, %c1, %a1, %c2, %c3 : !torch.vtensor<[2,6,4],f32>, !torch.int, !torch.none, !torch.vtensor<[4],f32>, !torch.float, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @sort_dim(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 2
  %c1 = torch.constant.bool false
  // expected-error @+2 {{has a dimension out of range: 2 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0:2 = torch.aten.sort %a0, %c0, %c1 : !torch.vtensor<[2,3],f32>, !torch.int, !torch.bool -> !torch.vtensor, !torch.vtensor
  return
}
// -----
func.func @topk_count(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 4
  %c1 = torch.constant.int -1
  %c2 = torch.constant.bool true
  %c3 = torch.constant.bool true
  // expected-error @+2 {{takes 4 elements of a dimension that has fewer}}
  // expected-error @+1 {{failed to infer returned types}}
  %0:2 = torch.aten.topk %a0, %c0, %c1, %c2, %c3 : !torch.vtensor<[2,3],f32>, !torch.int, !torch.int, !torch.bool, !torch.bool -> !torch.vtensor, !torch.vtensor
  return
}
// -----
func.func @cat_sizes(%a0: !torch.vtensor<[2,3],f32>, %a1: !torch.vtensor<[2,4],f32>) {
  %c0 = torch.prim.ListConstruct %a0, %a1 : (!torch.vtensor<[2,3],f32>, !torch.vtensor<[2,4],f32>) -> !torch.list<vtensor>
  %c1 = torch.constant.int 0
  // expected-error @+2 {{has operands whose other sizes differ}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.cat %c0, %c1 : !torch.list<vtensor>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @cat_ranks(%a0: !torch.vtensor<[2,3],f32>, %a1: !torch.vtensor<[2,3,1],f32>) {
  %c0 = torch.prim.ListConstruct %a0, %a1 : (!torch.vtensor<[2,3],f32>, !torch.vtensor<[2,3,1],f32>) -> !torch.list<vtensor>
  %c1 = torch.constant.int 0
  // expected-error @+2 {{has operands of different ranks}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.cat %c0, %c1 : !torch.list<vtensor>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @cat_dim(%a0: !torch.vtensor<[2,3],f32>, %a1: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.prim.ListConstruct %a0, %a1 : (!torch.vtensor<[2,3],f32>, !torch.vtensor<[2,3],f32>) -> !torch.list<vtensor<[2,3],f32>>
  %c1 = torch.constant.int 2
  // expected-error @+2 {{has a dimension out of range}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.cat %c0, %c1 : !torch.list<vtensor<[2,3],f32>>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @stack_sizes(%a0: !torch.vtensor<[2,3],f32>, %a1: !torch.vtensor<[2,4],f32>) {
  %c0 = torch.prim.ListConstruct %a0, %a1 : (!torch.vtensor<[2,3],f32>, !torch.vtensor<[2,4],f32>) -> !torch.list<vtensor>
  %c1 = torch.constant.int 0
  // expected-error @+2 {{an operand has sizes [2, 4], which must be [2, 3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.stack %c0, %c1 : !torch.list<vtensor>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @flip_dim(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 2
  %c1 = torch.prim.ListConstruct %c0 : (!torch.int) -> !torch.list<int>
  // expected-error @+2 {{has a dimension out of range: 2 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.flip %a0, %c1 : !torch.vtensor<[2,3],f32>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @flip_twice(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 1
  %c1 = torch.constant.int -1
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{names dimension 1 twice}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.flip %a0, %c2 : !torch.vtensor<[2,3],f32>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @roll_shifts(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 1
  %c1 = torch.prim.ListConstruct %c0 : (!torch.int) -> !torch.list<int>
  %c2 = torch.constant.int 0
  %c3 = torch.constant.int 1
  %c4 = torch.prim.ListConstruct %c2, %c3 : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{needs a shift for each dimension}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.roll %a0, %c1, %c4 : !torch.vtensor<[2,3],f32>, !torch.list<int>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @pixel_shuffle(%a0: !torch.vtensor<[1,6,2,2],f32>) {
  %c0 = torch.constant.int 2
  // expected-error @+2 {{the channels cannot be divided by the square of the factor}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.pixel_shuffle %a0, %c0 : !torch.vtensor<[1,6,2,2],f32>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @channel_shuffle(%a0: !torch.vtensor<[1,6,2,2],f32>) {
  %c0 = torch.constant.int 4
  // expected-error @+2 {{the channels cannot be divided into the groups}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.channel_shuffle %a0, %c0 : !torch.vtensor<[1,6,2,2],f32>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @pad_length(%a0: !torch.vtensor<[2],f32>) {
  %c0 = torch.constant.int 1
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int 1
  %c3 = torch.constant.int 1
  %c4 = torch.prim.ListConstruct %c0, %c1, %c2, %c3 : (!torch.int, !torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %c5 = torch.constant.int 0
  // expected-error @+2 {{has a padding that does not fit the operand's dimensions}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.constant_pad_nd %a0, %c4, %c5 : !torch.vtensor<[2],f32>, !torch.list<int>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @pad_reflect(%a0: !torch.vtensor<[1,3],f32>) {
  %c0 = torch.constant.int 3
  %c1 = torch.constant.int 0
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{cannot pad a dimension of size 3 by 3 of its own elements}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.reflection_pad1d %a0, %c2 : !torch.vtensor<[1,3],f32>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @pad_circular(%a0: !torch.vtensor<[1,1,3],f32>) {
  %c0 = torch.constant.int 4
  %c1 = torch.constant.int 0
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{cannot pad a dimension of size 3 by 4 of its own elements}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten._pad_circular %a0, %c2 : !torch.vtensor<[1,1,3],f32>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @copy(%a0: !torch.vtensor<[2,3],f32>, %a1: !torch.vtensor<[3,3],f32>) {
  %c0 = torch.constant.bool false
  // expected-error @+2 {{src of sizes [3, 3] does not broadcast to [2, 3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.copy %a0, %a1, %c0 : !torch.vtensor<[2,3],f32>, !torch.vtensor<[3,3],f32>, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @copy_rank(%a0: !torch.vtensor<[3],f32>, %a1: !torch.vtensor<[1,3],f32>) {
  %c0 = torch.constant.bool false
  // expected-error @+2 {{src of sizes [1, 3] does not broadcast to [3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.copy %a0, %a1, %c0 : !torch.vtensor<[3],f32>, !torch.vtensor<[1,3],f32>, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @fill(%a0: !torch.vtensor<[2,3],f32>, %a1: !torch.vtensor<[1],f32>) {
  // expected-error @+2 {{the value must have 0 dimensions, and has sizes [1]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.fill.Tensor %a0, %a1 : !torch.vtensor<[2,3],f32>, !torch.vtensor<[1],f32> -> !torch.vtensor
  return
}
