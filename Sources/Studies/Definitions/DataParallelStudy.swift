internal import Plotting
internal import Training

extension Study {
    /// What it changes to train on several ranks, and what it does not.
    package static let dataParallel: Study = {
        let rankCounts = [1, 2, 4]
        let factors = [1, 2, 4, 8]
        let rows = [2, 4, 8, 16]

        let ranks = rankCounts.map { count in
            StudyRun("ranks-\(count)", series: "\(count) ranks", ["epochs": "5"], ranks: count)
        }
        // k ranks with 128 rows each are a global batch of 128 k in k logical shards, whoever computes it.
        func local(_ factor: Int, _ kind: String, rate: String, warmup: Bool) -> StudyRun {
            var settings = [
                "batch-size": "\(128 * factor)", "logical-shards": "8", "lr": rate, "epochs": "10",
            ]
            if warmup { settings["warmup-epochs"] = "2" }
            return StudyRun(
                "batch-\(128 * factor)-\(kind)", series: kind, place: Double(128 * factor), settings)
        }
        let batches = factors.flatMap { factor in
            let scaled = ["0.02", "0.04", "0.08", "0.16"][factors.firstIndex(of: factor) ?? 0]
            return [
                local(factor, "unscaled", rate: "0.02", warmup: false),
                local(factor, "scaled", rate: scaled, warmup: false),
                local(factor, "scaled-warmup", rate: scaled, warmup: true),
            ].filter { factor > 1 || $0.series != "scaled" }
        }
        let norms = rows.flatMap { rows in
            ["sync", "local"].map { mode in
                StudyRun(
                    "bn-\(mode)-\(rows)", series: "\(mode) batch norm", place: Double(rows),
                    ["batch-norm": mode, "logical-shards": "\(128 / rows)", "epochs": "10"])
            }
        }
        let shuffles = ["shards", "global"].map { shuffle in
            StudyRun(
                "shuffle-\(shuffle)", series: "shuffle \(shuffle)", ["shuffle": shuffle, "epochs": "10"])
        }
        return Study(
            name: "data-parallel", title: "Data parallelism",
            question: """
                What changes when the same network is trained by more ranks: at the same global batch, with the same batch on each \
                rank, with batch norm of each rank's rows alone, and with records that stay with their rank?
                """,
            runs: ranks + batches + norms + shuffles,
            columns: [.bestValidation, .testAccuracy, .testLoss, .lastTraining],
            plots: [
                .overPlaces(
                    "equal-local-batch", "The same batch on each rank",
                    x: Axis("global batch", scale: .logarithmic),
                    axis: Axis("test accuracy", format: .percent), metric: .testAccuracy,
                    series: ["unscaled", "scaled", "scaled-warmup"],
                    caption: """
                        Test accuracy after ten epochs with 1, 2, 4 and 8 times 128 rows in a step, with the rate 0.02, with the \
                        rate times as large, and with that after two epochs of warm-up.
                        """),
                .overPlaces(
                    "batch-norm-rows", "Batch norm over all rows, or over some",
                    x: Axis("rows of a shard", scale: .logarithmic),
                    axis: Axis("test accuracy", format: .percent), metric: .testAccuracy,
                    series: ["sync batch norm", "local batch norm"],
                    caption: """
                        Test accuracy with a global batch of 128, whose statistics are taken over all of it or over each logical \
                        shard's rows alone.
                        """),
                .validationAccuracy(
                    "shuffle", "Records that stay with their shard, or are dealt anew",
                    labels: shuffles.map(\.label),
                    caption: "Accuracy on the validation images with fixed shards and with a global shuffle."),
            ],
            explanation: [
                """
                The gradient of the mean loss over a global batch is the mean of the gradients of its parts: ∂L/∂w = Σ over rows of \
                ∂ℓ/∂w / B. So k ranks with B/k rows each take the step that one rank would take with B rows. That is exact in \
                real numbers; that it is exact in bits is because here no sum's order depends on the number of ranks (SameBits).
                """,
                """
                With the batch kept on each rank the global batch grows to k B, and an epoch has k times fewer steps. k small steps \
                with the rate η move about as far as one large one with k η, as long as the gradient hardly changes between them: \
                w − η Σ ∇L(wᵢ) ≈ w − k η ∇L(w). That is the linear scaling rule. Without it a large batch simply does not get as \
                far. At the beginning the gradient changes fast, and k η may be beyond 2/λ_max, where a step overshoots: a \
                warm-up begins with small steps. The rate that is scaled is 0.02 here: at the default, 0.1, the network is already near \
                2/λ_max with 128 rows (see the study `curvature`), and diverges at twice as much.
                """,
                """
                Batch norm is where ranks are not merely adding: its μ and σ² are those of some rows. Of n rows they have errors of \
                the order 1/√n; noise that is a regulariser at 16 rows and a nuisance at 2. `sync` exchanges sums and has the \
                statistics of the whole batch.
                """,
                """
                Records that are dealt into shards once and shuffled within each are a stratified sample: every batch has the same \
                number from every shard. The gradient's mean is the same as with a shuffle of all records, and its variance \
                slightly smaller. What is lost is only that two records of one shard meet more often.
                """,
                """
                Runs over the first k ranks are trained by k ranks of the world that the study was started with; where the world \
                is too small the table says so, with the command that would do it.
                """,
            ]
        ) { results in
            var sentences = [results.sameBits(rankCounts.map { "ranks-\($0)" })]
            for factor in factors.dropFirst() {
                let size = 128 * factor
                sentences += [
                    results.compare(
                        .testAccuracy, "batch-\(size)-unscaled", with: "batch-128-unscaled",
                        subject: "A batch of \(size) instead of 128 at the same rate", expecting: .lower),
                    results.compare(
                        .testAccuracy, "batch-\(size)-scaled", with: "batch-\(size)-unscaled",
                        subject: "Linear scaling at a batch of \(size)", expecting: .higher),
                    results.compare(
                        .testAccuracy, "batch-\(size)-scaled-warmup", with: "batch-\(size)-scaled",
                        subject: "Warm-up with linear scaling at a batch of \(size)", expecting: .higher),
                ]
            }
            for count in rows {
                sentences.append(
                    results.compare(
                        .testAccuracy, "bn-local-\(count)", with: "bn-sync-\(count)",
                        subject: "Statistics of \(count) rows instead of 128",
                        expecting: count <= 4 ? .lower : .none))
            }
            sentences.append(
                results.compare(
                    .testAccuracy, "shuffle-global", with: "shuffle-shards",
                    subject: "A global shuffle instead of fixed shards"))
            return sentences
        }
    }()
}

extension StudyResults {
    /// Says whether runs came to the same bits with every seed.
    package func sameBits(_ labels: [String]) -> String {
        let done = labels.filter { label in of(label).contains { $0.end.summary != nil } }
        let names = done.joined(separator: ", ")
        guard done.count > 1 else {
            return
                "Whether the number of ranks changes a bit cannot be told: of \(labels.joined(separator: ", ")) only"
                + " \(done.isEmpty ? "none" : names) was run."
        }
        let different = seeds.filter { seed in
            let digests = results.filter { $0.seed == seed && done.contains($0.run.label) }
                .compactMap { $0.end.summary?.tensorsSHA256 }
            return Set(digests).count > 1
        }
        let left = labels.filter { !done.contains($0) }
        let note = left.isEmpty ? "" : " (\(left.joined(separator: ", ")) not run)"
        return different.isEmpty
            ? "\(names): the same SHA-256 of all tensors for each seed\(note)."
            : "\(names): different SHA-256 with seed \(different.map(String.init).joined(separator: ", "))\(note),"
                + " against what was expected."
    }
}
