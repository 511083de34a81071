import Foundation
import LoopbackSupport
import Testing

extension EndToEnd {
    /// Against a stand-in of Swift's server: nothing here leaves the machine or changes it.
    @Suite("A machine without Swift", .enabled(if: BareMachine.isAvailable, BareMachine.absence))
    struct SwiftSetupTests {
        private static let installed = [
            "home/.local/share/swiftly/bin/swiftly", "home/.local/share/swiftly/config.json",
            "home/.local/share/swiftly/toolchains/6.3.1/usr/bin/swift",
        ]

        @Test(
            "With --yes or CI=true it is installed for this user, with what it needs, and found from then on")
        func success() throws {
            for (flags, environment) in [(["--yes"], [:]), ([], ["CI": "true"])] {
                let machine = try BareMachine()
                defer { machine.server.stop() }
                let outcome = try machine.run(["setup", "swift"] + flags, environment: environment)
                #expect(outcome.status == 0, "\(outcome.summary)")
                for text in [
                    "found none", "1 GB", "\(machine.home.path)/.local/share/swiftly/toolchains", "good",
                ] {
                    #expect(outcome.outputText.contains(text), "\(outcome.summary)")
                }
                #expect(try machine.files() == Self.installed)
                let log = try machine.log()
                #expect(
                    log.first
                        == "swiftly init --assume-yes --no-modify-profile --skip-install --quiet-shell-followup"
                )
                #expect(
                    log.contains { $0.contains("install --yes") && $0.hasSuffix(" libfirst-dev libsecond+2") }
                )
                #expect(machine.server.requests.count == 3)

                let again = try machine.run(["setup", "swift"])
                #expect(again.status == 0 && again.outputText.isEmpty, "\(again.summary)")
                #expect(try machine.log() == log && machine.server.requests.count == 3)
            }
        }

        @Test(
            "Launch/train and Launch/test go on with the toolchain that they have installed",
            arguments: ["train", "test"])
        func goingOn(script: String) throws {
            let machine = try BareMachine()
            defer { machine.server.stop() }
            let outcome = try machine.run([script, "--yes"])
            // The toolchain that stands in cannot build.
            #expect(outcome.status != 0 && !outcome.timedOut, "\(outcome.summary)")
            #expect(try machine.log().contains { $0.hasPrefix("swift build ") }, "\(outcome.summary)")
        }

        @Test(
            "An archive that was changed or that another key has signed is not executed",
            arguments: [BareMachine.Server.Signature.ofChangedArchive, .ofAnotherKey])
        func signature(signature: BareMachine.Server.Signature) throws {
            let machine = try BareMachine(.init(signature: signature))
            defer { machine.server.stop() }
            let outcome = try machine.run(["setup", "swift", "--yes"])
            try expectNothing(
                on: machine, outcome,
                naming: [machine.server.base, "signature", "nothing of it was executed"])
            #expect(machine.server.requests.count == 3)
        }

        @Test(
            "What the server does not have is named, and nothing is installed",
            arguments: [".tar.gz", ".tar.gz.sig", "all-keys.asc"])
        func missing(end: String) throws {
            let machine = try BareMachine(.init(missing: [end]))
            defer { machine.server.stop() }
            let outcome = try machine.run(["setup", "swift", "--yes"])
            try expectNothing(on: machine, outcome, naming: ["cannot download \(machine.server.base)/", end])
        }

        @Test("Without a network the address is named, and nothing is installed")
        func noNetwork() throws {
            let machine = try BareMachine()
            machine.server.stop()
            let outcome = try machine.run(["setup", "swift", "--yes"])
            try expectNothing(
                on: machine, outcome, naming: ["cannot download \(machine.server.base)/", "swift.org"])
        }

        @Test(
            "Without a terminal and without --yes it is only said what would be done",
            arguments: [["setup", "swift"], ["train"], ["test"]])
        func noTerminal(words: [String]) throws {
            let machine = try BareMachine()
            defer { machine.server.stop() }
            let outcome = try machine.run(words)
            try expectNothing(on: machine, outcome, naming: ["--yes", "https://www.swift.org/install"])
            #expect(
                outcome.outputText.contains("1 GB") && machine.server.requests.isEmpty, "\(outcome.summary)")
        }

        @Test(
            "On a terminal it asks, and only yes is yes",
            .enabled(
                if: (try? Program.tool(["script", "--version"]))?.status == 0, "needs util-linux's script"),
            arguments: ["n", "", "y"])
        func answer(typed: String) throws {
            let machine = try BareMachine()
            defer { machine.server.stop() }
            let outcome = try machine.run(["setup", "swift"], typed: typed)
            #expect(outcome.outputText.contains("Install it? [y/N]"), "\(outcome.summary)")
            if typed == "y" {
                #expect(outcome.status == 0, "\(outcome.summary)")
                #expect(try machine.files() == Self.installed)
            } else {
                #expect(
                    outcome.status != 0 && outcome.outputText.contains("was not installed"),
                    "\(outcome.summary)")
                #expect(try machine.files() == [] && machine.server.requests.isEmpty)
            }
        }

        @Test("A toolchain at hand that is new enough is used as it is", arguments: ["6.2", "6.3.1", "7.0"])
        func atHand(version: String) throws {
            let machine = try BareMachine(swift: version)
            defer { machine.server.stop() }
            let outcome = try machine.run(["setup", "swift", "--yes"])
            #expect(outcome.status == 0 && outcome.outputText.isEmpty, "\(outcome.summary)")
            #expect(try machine.files() == [] && machine.log() == [] && machine.server.requests.isEmpty)
        }

        @Test(
            "One that is too old, or another program of its name, is named and left as it is",
            arguments: ["6.1.9", "none"])
        func tooOld(version: String) throws {
            let machine = try BareMachine(swift: version)
            defer { machine.server.stop() }
            let program = machine.tool("swift")
            let before = try Data(contentsOf: program)
            let found =
                version == "none" ? "\(program.path), which tells no version" : "\(program.path) \(version)"
            let refused = try machine.run(["setup", "swift"])
            try expectNothing(on: machine, refused, naming: ["Swift 6.2 or later", "--yes"])
            #expect(refused.outputText.contains(found), "\(refused.summary)")
            let outcome = try machine.run(["setup", "swift", "--yes"])
            #expect(outcome.status == 0 && outcome.outputText.contains(found), "\(outcome.summary)")
            #expect(try machine.files() == Self.installed && Data(contentsOf: program) == before)
        }

        @Test("An installation that fails leaves nothing, neither itself nor what was downloaded")
        func failure() throws {
            let machine = try BareMachine()
            defer { machine.server.stop() }
            let outcome = try machine.run(
                ["setup", "swift", "--yes"], environment: ["FAKE_SWIFTLY": "fails"])
            #expect(try machine.log().count == 2, "\(outcome.summary)")
            #expect(
                outcome.status == 1 && outcome.errorText.contains("could not install Swift"),
                "\(outcome.summary)")
            #expect(try machine.files() == [])
            // Where swiftly was there before, it stays, without the half of a toolchain.
            try #require(machine.run(["setup", "swift", "--yes"]).status == 0)
            let config = machine.home.appending(path: ".local/share/swiftly/config.json")
            try Data(#"{"installedToolchains": []}"#.utf8).write(to: config)
            let toolchain = machine.home.appending(path: ".local/share/swiftly/toolchains/6.3.1")
            try FileManager.default.removeItem(at: toolchain)
            let second = try machine.run(["setup", "swift", "--yes"], environment: ["FAKE_SWIFTLY": "fails"])
            #expect(second.status == 1, "\(second.summary)")
            #expect(try machine.files() == Array(Self.installed.prefix(2)))
        }

        @Test("One that is interrupted leaves nothing, too", arguments: [SIGINT, SIGTERM, SIGHUP])
        func interrupted(signal: Int32) throws {
            let machine = try BareMachine()
            defer { machine.server.stop() }
            var isSent = false
            let outcome = try machine.run(
                ["setup", "swift", "--yes"], environment: ["FAKE_SWIFTLY": "hangs"],
                whileRunning: { process in
                    guard !isSent, (try? machine.log().last) == "hanging" else { return }
                    isSent = true
                    kill(process, signal)
                })
            #expect(isSent && outcome.status == (signal == SIGINT ? 130 : 143), "\(outcome.summary)")
            #expect(try machine.files() == [])
        }

        @Test("Half a toolchain, left by an installation that was killed, is not taken for one")
        func half() throws {
            let machine = try BareMachine()
            defer { machine.server.stop() }
            try #require(machine.run(["setup", "swift", "--yes"]).status == 0)
            let config = machine.home.appending(path: ".local/share/swiftly/config.json")
            try Data(#"{"installedToolchains": []}"#.utf8).write(to: config)
            let outcome = try machine.run(["setup", "swift"])
            #expect(outcome.status == 1 && outcome.outputText.contains("found none"), "\(outcome.summary)")
            #expect(outcome.outputText.contains("swiftly      is there"), "\(outcome.summary)")
        }

        @Test("The system's package is taken where it is new enough", arguments: ["6.2.1-3", "6.0.3-2"])
        func systemPackage(version: String) throws {
            let machine = try BareMachine(packaged: version)
            defer { machine.server.stop() }
            let outcome = try machine.run(["setup", "swift", "--yes"])
            #expect(outcome.status == 0, "\(outcome.summary)")
            let isTaken = try machine.log().contains { $0.hasSuffix(" swiftlang") }
            #expect(isTaken == version.hasPrefix("6.2") && machine.server.requests.isEmpty == isTaken)
        }

        /// The script ends with an error of one line that names all this, and has installed and left nothing.
        private func expectNothing(
            on machine: BareMachine, _ outcome: ProcessOutcome, naming names: [String],
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            #expect(outcome.status == 1, "\(outcome.summary)", sourceLocation: sourceLocation)
            let errors = outcome.errorText.split(separator: "\n").filter { $0.hasPrefix("error: ") }
            #expect(
                errors.count == 1 && names.allSatisfy { name in errors.contains { $0.contains(name) } },
                "\(outcome.summary)", sourceLocation: sourceLocation)
            #expect(try machine.files() == [] && machine.log() == [], sourceLocation: sourceLocation)
        }
    }
}
