// A configuration in the words of the command line: to be shown, and to repeat a run.

extension TrainingConfiguration {
    /// A setting as people are shown it.
    package struct ShownSetting: Sendable, Equatable {
        /// As the command line names it, with its dashes.
        package let flag: String
        /// Its words on the command line: flag and value, or the switch.
        package let words: [String]
        /// Whether it says what holds anyhow.
        package let isDefault: Bool

        /// Its value; of a switch yes or no.
        package var value: String {
            words.count > 1
                ? (words[1].isEmpty ? "none" : words[1]) : words[0].hasPrefix("--no-") ? "no" : "yes"
        }
    }

    /// All settings that apply and have a value, in the order of their table.
    package var shownSettings: [ShownSetting] {
        Self.settings.compactMap { setting in
            let words = setting.words(in: self)
            return words.isEmpty
                ? nil
                : ShownSetting(
                    flag: "--\(setting.flag)", words: words, isDefault: setting.isDefault(in: self))
        }
    }

    /// The flags of `dp-train` that make a run with this configuration: those that are not the default.
    package var flags: [String] { shownSettings.filter { !$0.isDefault }.flatMap(\.words) }

    /// The command that repeats a run with this configuration.
    ///
    /// - Parameters:
    ///   - worldSize: The ranks that it had, if that is known. They are asked for where the result depends on them.
    ///   - data: The words that choose the data set.
    package func command(worldSize: Int?, data: [String] = []) -> String {
        let followsRanks = learningRateScaling != .none && learningRateReferenceBatch == nil
        let ranks = followsRanks ? learningRateRanks : products == .openBLAS ? worldSize : nil
        let launcher = ranks.map { $0 > 1 ? ["mpirun", "-np", "\($0)"] : [] } ?? []
        return ShellWords.line(launcher + ["dp-train"] + data + flags)
    }
}

extension Configurable {
    /// Words by flag as the command line has them, in the order of the settings; empty without any.
    package static func text(of words: [String: String]) -> String {
        settings.filter { $0.isOption }.compactMap { setting in
            words[setting.flag].map { word in
                setting.isSwitch
                    ? word == "true" ? "--\(setting.flag)" : "--no-\(setting.flag)"
                    : "--\(setting.flag) \(word.isEmpty ? "\"\"" : word)"
            }
        }.joined(separator: " ")
    }
}

/// Words for a shell.
package enum ShellWords {
    /// A line that a POSIX shell takes for these words.
    package static func line(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }

    /// A word, in quotes where it needs them.
    private static func quoted(_ word: String) -> String {
        let plain =
            !word.isEmpty
            && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_@%+=:,./-".contains($0)) }
        return plain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
