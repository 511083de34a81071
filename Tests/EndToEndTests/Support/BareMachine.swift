import Foundation
import LoopbackSupport
import Testing

/// A machine without Swift, as the launch scripts see one: a home folder with nothing in it, a PATH of few tools,
/// package managers that only write down what they are asked for, and a server that stands in for Swift's, with an
/// installer signed by a key that is made for the tests.
struct BareMachine {
    let home: URL
    private let root: URL
    private let tools: URL
    let server: LoopbackServer
    /// The fingerprints that the scripts take for those of Swift's keys.
    private let keys: String

    /// What the server gives, and how the installer behaves.
    struct Server {
        enum Signature { case good, ofChangedArchive, ofAnotherKey }

        var signature = Signature.good
        /// Ends of paths for which there is nothing.
        var missing: [String] = []
    }

    /// Every tool that the scripts use, of which a system may lack some.
    private static let toolNames = [
        "bash", "basename", "cat", "chmod", "cp", "curl", "cut", "dirname", "dpkg-query", "env", "gpg",
        "grep",
        "gzip", "head", "id", "kill", "ln", "lscpu", "ls", "mkdir", "mktemp", "mpirun", "mv", "nproc",
        "pkg-config",
        "ps", "readlink", "rm", "sed", "sh", "sleep", "sort", "tail", "tar", "touch", "tr", "uname", "wc",
        "wget",
        "zstd",
    ]

    private static func path(of tool: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { "\($0)/\(tool)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static let isAvailable: Bool = {
        #if os(Linux)
        return ["curl", "gpg", "tar", "gzip"].allSatisfy { path(of: $0) != nil }
            && (try? keyring.get()) != nil
        #else
        return false
        #endif
    }()
    static let absence: Comment = "needs Linux, curl, gpg, tar and gzip"

    /// Two keys without a passphrase, the first of which stands for Swift's.
    private static let keyring = Result {
        let folder = try Scratch.makeDirectory("gpg")
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder.path)
        defer { _ = try? Program.tool(["gpgconf", "--homedir", folder.path, "--kill", "all"]) }
        let gpg = ["gpg", "--homedir", folder.path, "--batch", "--quiet", "--passphrase", ""]
        var fingerprints: [String] = []
        for name in ["swift", "another"] {
            for words in [
                ["--quick-generate-key", name, "ed25519", "sign", "0"],
                ["--with-colons", "--fingerprint", name],
            ] {
                let outcome = try Program.tool(gpg + words)
                try #require(outcome.status == 0, "\(outcome.summary)")
                let line = outcome.outputText.split(separator: "\n").first { $0.hasPrefix("fpr:") }
                if let line { fingerprints.append(line.dropFirst(4).filter(\.isHexDigit)) }
            }
        }
        try #require(fingerprints.count == 2)
        let keys = try Program.tool(gpg + ["--armor", "--export"]).output
        let archives = try BareMachine.archives { archive, name in
            let outcome = try Program.tool(
                gpg + [
                    "--local-user", name, "--output", "\(archive.path).\(name)", "--detach-sign",
                    archive.path,
                ])
            try #require(outcome.status == 0, "\(outcome.summary)")
            return [UInt8](try Data(contentsOf: URL(filePath: "\(archive.path).\(name)")))
        }
        return (fingerprints: fingerprints, keys: [UInt8](keys), archives: archives)
    }

    /// The installer's archive and its signatures, made by `sign` with the key of a name.
    private static func archives(
        sign: (URL, String) throws -> [UInt8]
    ) throws -> (archive: [UInt8], swift: [UInt8], another: [UInt8]) {
        let folder = try Scratch.makeDirectory("swiftly")
        try write(swiftly, to: folder.appending(path: "swiftly"))
        let archive = folder.appending(path: "swiftly.tar.gz")
        let packed = try Program.tool(["tar", "-czf", archive.path, "-C", folder.path, "swiftly"])
        try #require(packed.status == 0, "\(packed.summary)")
        return try ([UInt8](Data(contentsOf: archive)), sign(archive, "swift"), sign(archive, "another"))
    }

    /// Stands in for swiftly: sets itself up in the home folder and installs a toolchain that only tells its version.
    /// With $FAKE_SWIFTLY it fails in the middle, or never comes to an end.
    private static let swiftly = """
        #!/usr/bin/env bash
        set -eu
        home=$HOME/.local/share/swiftly
        echo "swiftly $*" >>"$FAKE_LOG"
        case $1 in
            init)
                mkdir -p "$home/bin" "$home/toolchains"
                cp "$0" "$home/bin/swiftly"
                echo '{"installedToolchains": []}' >"$home/config.json"
                touch "$GNUPGHOME/seen"
                ;;
            install)
                mkdir -p "$home/toolchains/6.3.1/usr/bin"
                cp "$FAKE_SWIFT" "$home/toolchains/6.3.1/usr/bin/swift"
                case ${FAKE_SWIFTLY:-} in
                    fails) exit 1 ;;
                    hangs) echo hanging >>"$FAKE_LOG"; sleep 1000000 ;;
                esac
                echo '{"installedToolchains": ["6.3.1"]}' >"$home/config.json"
                echo "apt-get -y install libfirst-dev libsecond+2" >"$4"
                ;;
        esac

        """

    /// A swift of some version, which writes down what else it is asked for, and fails then.
    private static func swift(_ version: String) -> String {
        """
        #!/usr/bin/env bash
        if [ "$*" = --version ]; then
            echo "Swift version \(version) (swift-\(version)-RELEASE)"
        else
            echo "swift $*" >>"$FAKE_LOG"
            exit 7
        fi

        """
    }

    private static func write(_ script: String, to file: URL) throws {
        try Data(script.utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
    }

    /// - Parameters:
    ///   - swift: The version of the toolchain in PATH; nil for none.
    ///   - packaged: The version that the system's package manager has.
    init(_ behaviour: Server = Server(), swift: String? = nil, packaged: String? = nil) throws {
        let made = try Self.keyring.get()
        root = try Scratch.makeDirectory("bare")
        (home, tools) = (root.appending(path: "home"), root.appending(path: "bin"))
        for folder in [home, tools, root.appending(path: "tmp")] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        for name in Self.toolNames {
            guard let path = Self.path(of: name) else { continue }
            try FileManager.default.createSymbolicLink(
                atPath: tools.appending(path: name).path, withDestinationPath: path)
        }
        // Copied, since they write their logs beside themselves.
        try FileManager.default.copyItem(
            at: Program.packageRoot.appending(path: "Launch"), to: root.appending(path: "Launch"))
        try Data().write(to: root.appending(path: "log"))
        try Self.write(Self.swift("6.3.1"), to: root.appending(path: "swift"))
        if let swift { try Self.write(Self.swift(swift), to: tools.appending(path: "swift")) }
        let candidate = packaged ?? "(none)"
        try Self.write(
            "#!/usr/bin/env bash\nprintf 'swiftlang:\\n  Candidate: %s\\n' '\(candidate)'\n",
            to: tools.appending(path: "apt-cache"))
        try Self.write(
            """
            #!/usr/bin/env bash
            echo "apt-get $*" >>"$FAKE_LOG"
            case " $* " in *" swiftlang "*) cp "$FAKE_SWIFT" "\(tools.path)/swift" ;; esac

            """, to: tools.appending(path: "apt-get"))
        // Runs what it is told to run, as whoever this is.
        try Self.write(
            "#!/usr/bin/env bash\nwhile [ \"${1#-}\" != \"$1\" ]; do shift; done\nexec \"$@\"\n",
            to: tools.appending(path: "sudo"))

        var archive = made.archives.archive
        if behaviour.signature == .ofChangedArchive { archive[archive.count / 2] ^= 1 }
        let signature =
            behaviour.signature == .ofAnotherKey ? made.archives.another : made.archives.swift
        let (served, missing) = (archive, behaviour.missing)
        server = try LoopbackServer { path in
            if missing.contains(where: { path.hasSuffix($0) }) { return nil }
            if path.hasSuffix(".tar.gz") { return served }
            if path.hasSuffix(".tar.gz.sig") { return signature }
            return path == "/keys/all-keys.asc" ? made.keys : nil
        }
        keys = made.fingerprints[0]
    }

    /// Runs a launch script.
    ///
    /// - Parameters:
    ///   - typed: What is typed on a terminal; nil where there is none.
    ///   - whileRunning: Called again and again with the script's process id.
    func run(
        _ words: [String], environment: [String: String] = [:], typed: String? = nil,
        whileRunning: ((Int32) -> Void)? = nil
    ) throws -> ProcessOutcome {
        let script = root.appending(path: "Launch/\(words[0])").path
        var runner = ProcessRunner(
            executable: URL(filePath: script), arguments: Array(words.dropFirst()), currentDirectory: root,
            whileRunning: whileRunning)
        if let typed {
            let command = ([script] + words.dropFirst()).map { "'\($0)'" }.joined(separator: " ")
            runner.executable = URL(filePath: "/usr/bin/env")
            runner.arguments = [
                "sh", "-c",
                "printf '%s\\n' '\(typed)' | \(Self.path(of: "script") ?? "script") -qec \"$1\" /dev/null",
                "sh", command,
            ]
        }
        runner.environment =
            [
                "HOME": home.path, "PATH": tools.path, "TMPDIR": root.appending(path: "tmp").path, "CI": "",
                "FAKE_LOG": root.appending(path: "log").path,
                "FAKE_SWIFT": root.appending(path: "swift").path,
                "DP_TRAIN_SWIFT_DOWNLOAD": server.base, "DP_TRAIN_SWIFT_SITE": server.base,
                "DP_TRAIN_SWIFT_KEYS": keys, "no_proxy": "127.0.0.1", "GNUPGHOME": "",
                "XDG_DATA_HOME": "", "SWIFTLY_HOME_DIR": "", "SWIFTLY_BIN_DIR": "",
                "SWIFTLY_TOOLCHAINS_DIR": "",
            ].merging(environment) { $1 }
        return try runner.run()
    }

    /// What the installer, the package manager and the toolchain have been asked for.
    func log() throws -> [String] {
        try String(contentsOf: root.appending(path: "log"), encoding: .utf8).split(separator: "\n").map(
            String.init)
    }

    /// Every file in the home folder and among the temporary ones, by its path in the machine's own folder.
    func files() throws -> [String] {
        try ["home", "tmp"].flatMap { folder in
            try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
                .map { "\(folder)/\($0)" }
                .filter { path in
                    var isFolder: ObjCBool = false
                    _ = FileManager.default.fileExists(
                        atPath: root.appending(path: path).path, isDirectory: &isFolder)
                    return !isFolder.boolValue
                }
        }.sorted()
    }

    /// A tool's file in PATH.
    func tool(_ name: String) -> URL { tools.appending(path: name) }
}
