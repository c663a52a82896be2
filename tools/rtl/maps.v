// Arithmetic of yosys on the library's full adder, as synthesis for low power has it: ripple sums.

(* techmap_celltype = "$fa" *)
module full_adders(A, B, C, X, Y);
  parameter WIDTH = 1;
  parameter _TECHMAP_CONSTMSK_A_ = 0;
  parameter _TECHMAP_CONSTMSK_B_ = 0;
  parameter _TECHMAP_CONSTMSK_C_ = 0;
  input [WIDTH-1:0] A, B, C;
  output [WIDTH-1:0] X, Y;
  localparam [WIDTH-1:0] known =
      _TECHMAP_CONSTMSK_A_ | _TECHMAP_CONSTMSK_B_ | _TECHMAP_CONSTMSK_C_;
  genvar i;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : bits
      if (known[i]) begin
        assign Y[i] = A[i] ^ B[i] ^ C[i];
        assign X[i] = (A[i] & B[i]) | (C[i] & (A[i] | B[i]));
      end else begin
        FA_X1 adder(.A(A[i]), .B(B[i]), .CI(C[i]), .CO(X[i]), .S(Y[i]));
      end
    end
  endgenerate
endmodule

`ifdef RIPPLE
(* techmap_celltype = "$alu" *)
module ripple_adder(A, B, CI, BI, X, Y, CO);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  input CI, BI;
  output [Y_WIDTH-1:0] X, Y, CO;
  wire [Y_WIDTH-1:0] a, b;
  \$pos #(.A_SIGNED(A_SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)) extend_a(.A(A), .Y(a));
  \$pos #(.A_SIGNED(B_SIGNED), .A_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)) extend_b(.A(B), .Y(b));
  wire [Y_WIDTH-1:0] c = BI ? ~b : b;
  wire [Y_WIDTH:0] carry = {CO, CI};
  genvar i;
  generate
    for (i = 0; i < Y_WIDTH; i = i + 1) begin : bits
      FA_X1 adder(.A(a[i]), .B(c[i]), .CI(carry[i]), .CO(CO[i]), .S(Y[i]));
    end
  endgenerate
  assign X = a ^ c;
endmodule
`endif
