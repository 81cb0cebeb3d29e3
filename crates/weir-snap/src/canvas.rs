//! The sizes of pictures: each 640 pixels wide. One decoder process draws on one canvas, since its encoder keeps the
//! size that it began with.

/// A size of pictures. What does not fill it has black bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Canvas {
    /// 16 to 9.
    Wide,
    /// 4 to 3.
    Classic,
    /// 1 to 1.
    Square,
    /// 3 to 4.
    Upright,
    /// 9 to 16: a telephone.
    Tall,
}

/// Pixels across, of each.
const WIDTH: u32 = 640;

impl Canvas {
    /// All of them, the widest first.
    pub const ALL: [Self; 5] = [
        Self::Wide,
        Self::Classic,
        Self::Square,
        Self::Upright,
        Self::Tall,
    ];

    /// Its name, for the process that draws on it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Classic => "classic",
            Self::Square => "square",
            Self::Upright => "upright",
            Self::Tall => "tall",
        }
    }

    /// The canvas of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|canvas| canvas.name() == name)
    }

    /// Pixels.
    pub const fn width(self) -> u32 {
        WIDTH
    }

    /// Pixels, an even number.
    pub const fn height(self) -> u32 {
        match self {
            Self::Wide => 360,
            Self::Classic => 480,
            Self::Square => 640,
            Self::Upright => 854,
            Self::Tall => 1_138,
        }
    }

    /// The one that a picture of this size fills best; the widest where its size is not known.
    pub fn of(width: u32, height: u32) -> Self {
        if width == 0 || height == 0 {
            return Self::Wide;
        }
        let ratio = f64::from(width) / f64::from(height);
        let apart = |canvas: &Self| {
            let own = f64::from(canvas.width()) / f64::from(canvas.height());
            (own / ratio).ln().abs()
        };
        let nearest = Self::ALL
            .into_iter()
            .min_by(|a, b| apart(a).total_cmp(&apart(b)));
        nearest.unwrap_or(Self::Wide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_has_the_canvas_that_it_fills() {
        for (width, height, canvas) in [
            (1280, 720, Canvas::Wide),
            (1920, 1088, Canvas::Wide),
            (2560, 1080, Canvas::Wide),
            (640, 480, Canvas::Classic),
            (720, 576, Canvas::Classic),
            (512, 512, Canvas::Square),
            (1080, 1440, Canvas::Upright),
            (720, 1280, Canvas::Tall),
            (1, 32_768, Canvas::Tall),
            (0, 0, Canvas::Wide),
        ] {
            assert_eq!(Canvas::of(width, height), canvas, "{width}x{height}");
            assert_eq!(Canvas::from_name(canvas.name()), Some(canvas));
            assert_eq!(canvas.height() % 2, 0);
        }
    }
}
