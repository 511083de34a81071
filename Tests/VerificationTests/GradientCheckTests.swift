import DataParallel
import MLPEngine
import Testing
import Training
import Verification

@Suite struct GradientCheckTests {
    private static func configuration(
        _ change: (inout TrainingConfiguration) -> Void
    ) -> TrainingConfiguration {
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [6, 5]
        change(&configuration)
        return configuration
    }

    static let configurations: [TrainingConfiguration] =
        [Activation.elu(alpha: 0.5), .relu, .tanh, .gelu].flatMap { activation in
            [
                configuration { $0.activation = activation },
                configuration {
                    ($0.activation, $0.batchNorm, $0.residual) = (activation, .sync, true)
                    ($0.dropout, $0.inputDropout) = (0.25, 0.125)
                },
                configuration {
                    ($0.activation, $0.layerNorm, $0.residual) = (activation, true, true)
                    $0.labelSmoothing = 0.1
                },
                configuration {
                    ($0.activation, $0.batchNorm, $0.dropout) = (activation, .local, 0.25)
                    ($0.residual, $0.residualWidth) = (true, 3)
                },
            ]
        } + [configuration { $0.hiddenDimensions = [] }]

    @Test("All ways agree for networks with every layer", arguments: configurations)
    func agree(configuration: TrainingConfiguration) throws {
        let report = try GradientCheck(configuration).run()
        #expect(report.isWithinBounds, "\(report.lines.joined(separator: "\n"))")
        let layout = MLP(configuration.model).network.parameterLayout
        #expect(report.tensors.map(\.name) == layout.entries.map(\.name))
        #expect(report.loss > 1 && report.loss < 10)
        // The largest entry is one of those whose difference is taken.
        #expect(report.tensors.allSatisfy { $0.largest.numeric.isFinite })
    }

    @Test("Batch norm of each shard by itself has another loss than of all together")
    func localBatchNorm() throws {
        let losses = try [BatchNormMode.none, .sync, .local].map { mode in
            try GradientCheck(Self.configuration { $0.batchNorm = mode }).run().loss
        }
        #expect(Set(losses).count == 3)
    }

    @Test("A gradient that is off by any way is found in its tensor, and said to be")
    func off() {
        var layout = ParameterLayout()
        for name in ["a", "b"] { _ = layout.append(name: name, shape: [2], initialization: .constant(0)) }
        let right = [1.0, 2, 3, 4]
        let differences = [1: 2.0, 3: 4.0]
        func report(numeric: [Int: Double], double: [Double], float: [Double]) -> GradientReport {
            GradientReport(
                layout, loss: 1, autograd: right, numeric: numeric, double: double, float: float)
        }
        let all = report(numeric: differences, double: right, float: right)
        #expect(all.isWithinBounds)
        #expect(all.lines.last?.hasPrefix("All gradients agree") == true)
        for wrong in [
            report(numeric: [1: 2.0, 3: 4.00001], double: right, float: right),
            report(numeric: differences, double: [1, 2, 3.00000001, 4], float: right),
            report(numeric: differences, double: right, float: [1, 2, 3.001, 4]),
            report(numeric: differences, double: right, float: [1, 2, .nan, 4]),
        ] {
            #expect(!wrong.isWithinBounds)
            #expect(wrong.tensors.map(\.isWithinBounds) == [true, false])
            #expect(wrong.lines.last?.hasSuffix(": b") == true)
            #expect(wrong.lines.contains { $0.hasPrefix("b ") && $0.hasSuffix("is off") })
        }
    }

    @Test("A model that is too large is refused with its size")
    func tooLarge() {
        let large = Self.configuration { $0.hiddenDimensions = [100_000] }
        #expect(throws: ConfigurationError.self) { try GradientCheck(large) }
    }
}
