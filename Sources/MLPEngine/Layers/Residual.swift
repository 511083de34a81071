internal import Tensors

/// The identity around a branch f: Y = X + f(X), so ∂L/∂X = ∂L/∂Y + the branch's own ∂L/∂X.
///
/// Two layers stand around those of the branch: ``Begin`` and ``End``. In an ``MLP`` the branch is linear, [norm,]
/// activation, linear: to any width, and back to that of X, which the sum forces.
///
/// Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016.
public enum Residual {
    /// In front of the branch; on the way back ∂L/∂Y, which ``End`` has kept, joins the branch's own gradient.
    struct Begin: Layer {
        var kind: String { "residual" }
        let kept: Slot

        func forward<Scalar: TensorScalar>(
            _ x: BatchInput<Scalar>, _ pass: Pass<Scalar>
        ) -> BatchInput<Scalar> { x }

        func backward<Scalar: TensorScalar>(
            _ dy: Matrix<Scalar>?, _ pass: Pass<Scalar>
        ) -> Matrix<Scalar>? {
            dy?.add(pass.matrix(kept))
            return dy
        }
    }

    /// Behind the branch: adds X, and on the way back keeps ∂L/∂Y.
    struct End: Layer {
        var kind: String { "residual" }
        /// Where X stands; nil is the network's input.
        let input: Slot?
        let output: Slot
        let kept: Slot

        func forward<Scalar: TensorScalar>(
            _ x: BatchInput<Scalar>, _ pass: Pass<Scalar>
        ) -> BatchInput<Scalar> {
            let (branch, y) = (x.numbers, pass.matrix(output))
            if y.base != branch.base { y.vector.copy(from: branch.vector) }
            y.add(input.map { pass.matrix($0) } ?? pass.batch.numbers)
            return .numbers(y)
        }

        func backward<Scalar: TensorScalar>(
            _ dy: Matrix<Scalar>?, _ pass: Pass<Scalar>
        ) -> Matrix<Scalar>? {
            if let dy { pass.matrix(kept).vector.copy(from: dy.vector) }
            return dy
        }
    }
}

extension SequentialBuilder {
    /// Appends X + f(X) for the branch f that `body` builds, which must keep the width; its layers are named
    /// `block.0`, `block.1`, … behind the residual's own name.
    public mutating func residual(_ body: (inout SequentialBuilder) -> Void) {
        let (outer, input) = (width, current)
        let kept = makeSlot(width: width)
        // The branch's own input is read again where it ends.
        insert(Residual.Begin(kept: kept))
        branch("\(name).block") { body(&$0) }
        precondition(width == outer, "a residual branch from \(outer) to \(width) columns")
        let output = freeSlot ?? makeSlot(width: width)
        append(Residual.End(input: input, output: output, kept: kept), output: output)
    }
}
