internal import Foundation

/// Puts modules one behind the other and lays out their parameters, running statistics and memory.
///
/// Names are those of PyTorch's `nn.Sequential`: every module counts, so a network with prefix `layers` that
/// begins linear, activation, linear has `layers.0.weight` and `layers.2.weight`.
public struct SequentialBuilder {
    private let inputs: Int
    private var width: Int
    private var widest = 1
    private var prefix: String
    private var index = 0
    private var parameters = ParameterLayout()
    private var statistics = ParameterLayout()
    private var plan = Plan()
    /// Where the next module's input stands; nil is the network's input.
    private var current: Slot?
    /// Whether nothing but the next module reads that, neither forward nor backward, so that it may overwrite it.
    private var currentIsFree = false

    /// Begins a network of `inputs` columns.
    public init(inputs: Int, prefix: String) {
        precondition(inputs >= 1, "a network of \(inputs) inputs")
        self.inputs = inputs
        self.prefix = prefix
        width = inputs
    }

    /// Appends a linear module whose weights have standard deviation √(`gain` / inputs) and whose biases are 0.
    ///
    /// Source of the gains 1 (inputs) and 2 (behind a rectifier): He, Zhang, Ren, Sun, "Delving deep into
    /// rectifiers", ICCV 2015.
    public mutating func linear(outputs: Int, gain: Double) {
        let module = Linear(
            inputs: width, outputs: outputs, name: name(),
            standardDeviation: (gain / Double(width)).squareRoot(),
            in: &parameters)
        // Only the first module's input gradient never enters the workspace.
        if !plan.steps.isEmpty { widest = max(widest, width) }
        let input = current
        advance(to: plan.makeSlot(width: outputs)) { .linear(module, input: input, output: $0) }
    }

    /// Appends batch norm of the current width.
    public mutating func batchNorm() {
        let module = BatchNorm(width: width, name: name(), in: &parameters, statistics: &statistics)
        let columns = plan.makeColumns(width: width)
        let normalized = freeSlot() ?? plan.makeSlot(width: width)
        advance(to: plan.makeSlot(width: width)) {
            .batchNorm(module, normalized: normalized, output: $0, columns: columns)
        }
    }

    /// Appends an activation.
    public mutating func activation(_ activation: Activation) {
        advance(to: freeSlot() ?? plan.makeSlot(width: width)) { .activation(activation, output: $0) }
        // Its derivative is a function of its output.
        currentIsFree = false
    }

    /// Appends X + f(X) for the branch f that `body` builds, which must keep the width; its modules are named
    /// `block.0`, `block.1`, … behind the residual's own name.
    public mutating func residual(_ body: (inout SequentialBuilder) -> Void) {
        let outer = (prefix: prefix, index: index, input: current, width: width)
        let gradient = plan.makeSlot(width: width)
        plan.steps.append(.branch(gradient: gradient))
        currentIsFree = false
        prefix = "\(name()).block"
        index = 0
        body(&self)
        precondition(width == outer.width, "a residual branch from \(outer.width) to \(width) columns")
        precondition(index > 0, "a residual branch has a module")
        (prefix, index) = (outer.prefix, outer.index)
        advance(to: freeSlot() ?? plan.makeSlot(width: width)) {
            .identity(input: outer.input, output: $0, gradient: gradient)
        }
    }

    /// Returns the network.
    public func build() -> Sequential {
        var plan = plan
        plan.finish(widest: widest)
        return Sequential(
            inputs: inputs, outputs: width, parameterLayout: parameters, statisticsLayout: statistics,
            plan: plan)
    }

    private func name() -> String { "\(prefix).\(index)" }

    /// The current slot, if the next module may overwrite it.
    private func freeSlot() -> Slot? { currentIsFree ? current : nil }

    private mutating func advance(to output: Slot, step: (Slot) -> Step) {
        plan.steps.append(step(output))
        current = output
        currentIsFree = true
        width = output.width
        index += 1
    }
}
