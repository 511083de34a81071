// What networks are made of, put together from the operations: no derivative is derived by hand here, so that these can be
// held against hand-derived ones.

extension Value {
    /// x − ln Σ eˣ along an axis. The largest x is taken off first, as a constant, so that nothing overflows.
    public func logSoftmax(axis: Int = -1) throws(AutogradError) -> Value {
        let shifted = try self - max([axis], keepingAxes: true).detached()
        return try shifted - shifted.exp().sum([axis], keepingAxes: true).log()
    }

    /// eˣ / Σ eˣ along an axis.
    public func softmax(axis: Int = -1) throws(AutogradError) -> Value {
        let exponentials = try (self - max([axis], keepingAxes: true).detached()).exp()
        return try exponentials / exponentials.sum([axis], keepingAxes: true)
    }

    /// The mean softmax cross-entropy −(1/S) Σ T ∘ ln softmax(Z) of logits Z [S, K] and targets T [S, K].
    ///
    /// - Parameter targets: Rows of probabilities.
    public func crossEntropy(targets: Tensor) throws(AutogradError) -> Value {
        guard shape.count == 2, targets.shape == shape, shape[0] >= 1, shape[1] >= 1 else {
            throw .shapes(
                operation: "cross-entropy", found: [shape, targets.shape],
                expected: "logits [S, K] and targets [S, K], S and K at least 1")
        }
        let targets = tape.constant(targets, name: "targets")
        return try -(targets * logSoftmax()).sum() / Double(shape[0])
    }

    /// The mean softmax cross-entropy −(1/S) Σ ln softmax(Z)[label] of logits Z [S, K].
    ///
    /// - Parameter labels: The class of each row.
    public func crossEntropy(labels: [Int]) throws(AutogradError) -> Value {
        guard shape.count == 2, shape[0] == labels.count else {
            throw .shapes(
                operation: "cross-entropy", found: [shape, [labels.count]],
                expected: "logits [S, K] and labels [S]")
        }
        let classes = shape[1]
        for (row, label) in labels.enumerated() where !(0..<classes).contains(label) {
            throw .label(label, row: row, classes: classes)
        }
        let targets = labels.flatMap { label in (0..<classes).map { $0 == label ? 1.0 : 0 } }
        return try crossEntropy(targets: Tensor(ofShape: shape, targets))
    }

    /// Batch norm of X [S, N] in training: each column less its mean over the rows, divided by √(its biased variance + ε);
    /// times γ, plus β.
    public func batchNorm(
        gamma: Value, beta: Value, epsilon: Double = 1e-5
    ) throws(AutogradError) -> Value {
        try normalized(over: 0, "batch norm", gamma, beta, epsilon)
    }

    /// Layer norm of X [S, N]: the same for each row over its columns.
    public func layerNorm(
        gamma: Value, beta: Value, epsilon: Double = 1e-5
    ) throws(AutogradError) -> Value {
        try normalized(over: 1, "layer norm", gamma, beta, epsilon)
    }

    private func normalized(
        over axis: Int, _ operation: String, _ gamma: Value, _ beta: Value, _ epsilon: Double
    ) throws(AutogradError) -> Value {
        guard shape.count == 2, shape[axis] >= 1, gamma.shape == [shape[1]], beta.shape == [shape[1]] else {
            throw .shapes(
                operation: operation, found: [shape, gamma.shape, beta.shape],
                expected: "[S, N], [N] and [N], at least one number to normalise over")
        }
        let centred = try self - mean([axis], keepingAxes: true)
        let variance = try (centred * centred).mean([axis], keepingAxes: true)
        return try centred / (variance + epsilon).power(0.5) * gamma + beta
    }
}
