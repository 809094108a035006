export const metadata = { title: 'cachette in Next' };

export default function Layout({ children }) {
  return (
    <html>
      <body>{children}</body>
    </html>
  );
}
