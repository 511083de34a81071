package import Collectives
package import Datasets
package import Plotting
package import Training

// A study is a value: a question, the runs that answer it, and what is to be shown and said of their results. To add one
// is to write such a value in a file of `Definitions` and to name it in `Study.all`.

/// A question about training, and the runs that answer it.
package struct Study: Sendable {
    /// Its name on the command line.
    package let name: String
    /// What stands above its page.
    package let title: String
    /// What is asked, in a sentence or two.
    package let question: String
    /// The runs, each of which is trained with every seed.
    package let runs: [StudyRun]
    /// What the table shows of each run.
    package let columns: [Metric]
    /// The pictures.
    package let plots: [StudyPlot]
    /// What is measured on the checkpoints of its runs, if anything.
    package let measurement: StudyMeasurement?
    /// What the results say, in sentences that are computed from them.
    package let findings: @Sendable (StudyResults) -> [String]
    /// Why, in paragraphs.
    package let explanation: [String]

    /// A study.
    package init(
        name: String, title: String, question: String, runs: [StudyRun], columns: [Metric],
        plots: [StudyPlot], measurement: StudyMeasurement? = nil, explanation: [String],
        findings: @escaping @Sendable (StudyResults) -> [String]
    ) {
        self.name = name
        self.title = title
        self.question = question
        self.runs = runs
        self.columns = columns
        self.plots = plots
        self.measurement = measurement
        self.explanation = explanation
        self.findings = findings
    }

    /// All there are, in the order in which they are listed.
    package static let all: [Study] = [
        .baseline, .batchNorm, .activations, .residual, .curvature, .dataParallel, .regularisation, .best,
        .largeBatch,
    ]

    /// The study of that name.
    package static func named(_ name: String) -> Study? { all.first { $0.name == name } }
}

/// One of a study's runs, trained once with every seed.
package struct StudyRun: Sendable, Equatable {
    /// What it is called in tables, and the beginning of the name of its folder: letters, digits, dots and dashes.
    package let label: String
    /// The name of the line to which it belongs in pictures.
    package let series: String
    /// Where it stands on that line, in a picture of several runs over what they differ in: a depth, a batch.
    package let place: Double?
    /// The recipe that is laid under the settings, if one is.
    package let recipe: Recipe?
    /// The words by flag that are laid over train's defaults, or over the recipe.
    package let settings: [String: String]
    /// The words by flag of what does not change its result.
    package let options: [String: String]
    /// How many ranks train it, the first ones; nil for all.
    package let ranks: Int?

    /// A run.
    package init(
        _ label: String, series: String? = nil, place: Double? = nil, recipe: Recipe? = nil,
        _ settings: [String: String], options: [String: String] = [:], ranks: Int? = nil
    ) {
        self.label = label
        self.recipe = recipe
        self.series = series ?? label
        self.place = place
        self.settings = settings
        self.options = options
        self.ranks = ranks
    }
}

/// A picture of a study's results.
package struct StudyPlot: Sendable {
    /// The name of its file, without an ending.
    package let file: String
    /// What is to be seen, below it.
    package let caption: String
    /// Draws it.
    package let chart: @Sendable (StudyResults) -> any Chart

    /// A picture.
    package init(
        _ file: String, caption: String, chart: @escaping @Sendable (StudyResults) -> any Chart
    ) {
        self.file = file
        self.caption = caption
        self.chart = chart
    }
}

/// What a study measures on the checkpoints that a run has left.
package struct StudyMeasurement: Sendable {
    /// A run that has come to its end, and those who measure.
    package struct Subject {
        /// The ranks.
        package let communicator: any Communicator
        /// What it was trained on.
        package let dataset: any ImageDataset
        /// Its folder.
        package let directory: RunDirectory
        /// Its settings, seed included.
        package let configuration: TrainingConfiguration
        /// Its label.
        package let label: String
    }

    /// A measured number.
    package struct Value: Codable, Sendable, Equatable {
        /// What it is.
        package let quantity: String
        /// The epochs, or whatever it is measured over.
        package let x: Double
        /// The number.
        package let value: Double

        /// A number.
        package init(_ quantity: String, x: Double, _ value: Double) {
            self.quantity = quantity
            self.x = x
            self.value = value
        }
    }

    /// What is measured, for the line that tells of progress.
    package let name: String
    /// Measures a run. Collective: every rank must call it, and rank 0's values count.
    package let measure: @Sendable (Subject) throws -> [Value]

    /// A measurement.
    package init(_ name: String, measure: @escaping @Sendable (Subject) throws -> [Value]) {
        self.name = name
        self.measure = measure
    }
}
