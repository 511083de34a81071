/// Small pictures in rows, with captions.
package struct ImageGrid: Chart {
    /// A picture.
    package struct Item: Sendable, Equatable {
        /// What the frame says.
        package enum Frame: Sendable, Equatable {
            /// None.
            case none
            /// A whole line.
            case solid
            /// A broken line.
            case dashed
        }

        /// A file of PNG.
        package var png: [UInt8]
        /// What stands below it, in lines.
        package var caption: [String]
        /// What is around it.
        package var frame: Frame

        /// A picture.
        package init(png: [UInt8], caption: [String] = [], frame: Frame = .none) {
            self.png = png
            self.caption = caption
            self.frame = frame
        }
    }

    /// What stands above it.
    package var title: String
    /// The pictures, row by row.
    package var items: [Item]
    /// How large each is shown.
    package var itemSize: ChartSize
    /// How wide the whole is.
    package var width: Double

    /// Pictures.
    package init(
        _ title: String, items: [Item], itemSize: ChartSize = ChartSize(64, 64), width: Double = 720
    ) {
        self.title = title
        self.items = items
        self.itemSize = itemSize
        self.width = width
    }

    private static let gap = 8.0
    /// Captions have room for some letters more than narrow pictures are wide.
    private var columnWidth: Double {
        let widest = items.flatMap(\.caption).map { Canvas.width(of: $0, size: 10) }.max() ?? 0
        return max(itemSize.width, min(widest, 110)) + Self.gap
    }
    private var columns: Int { max(1, Int((width - 2 * Self.gap) / columnWidth)) }
    private var rowHeight: Double {
        itemSize.height + Double(items.map(\.caption.count).max() ?? 0) * 13 + Self.gap + 4
    }

    /// As high as its rows need.
    package var size: ChartSize {
        let rows = (items.count + columns - 1) / columns
        return ChartSize(width, PlotFrame.titleHeight(title) + 8 + rowHeight * Double(max(1, rows)))
    }

    /// The captions.
    package var summary: String {
        items.isEmpty
            ? "No pictures." : items.map { $0.caption.joined(separator: ", ") }.joined(separator: "; ")
    }

    /// Draws it.
    package func draw(on canvas: inout Canvas) {
        canvas.text(Canvas.shortened(title, to: width - 24, size: 14), 12, 20, size: 14, isBold: true)
        let top = PlotFrame.titleHeight(title) + 8
        guard !items.isEmpty else { return canvas.text("no data", 12, top + 16, color: "muted") }
        for (index, item) in items.enumerated() {
            let x = 12 + Double(index % columns) * columnWidth
            let y = top + Double(index / columns) * rowHeight
            canvas.image(png: item.png, x, y, itemSize.width, itemSize.height)
            if item.frame != .none {
                canvas.rectangle(
                    x - 1, y - 1, itemSize.width + 2, itemSize.height + 2,
                    color: ChartStyle.color(item.frame == .solid ? 2 : 1), opacity: 0, strokeWidth: 2.5,
                    dash: item.frame == .dashed ? "5 3" : nil)
            }
            for (line, text) in item.caption.enumerated() {
                canvas.text(
                    Canvas.shortened(text, to: columnWidth - 4, size: 10), x,
                    y + itemSize.height + 12 + Double(line) * 13, size: 10, color: line == 0 ? "ink" : "muted"
                )
            }
        }
    }
}
